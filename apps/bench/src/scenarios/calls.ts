import { nowNs } from '../clock.ts';
import { DamagedMessage, Mark } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Followers,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { answer } from './round-trip.ts';
import { arrived, checkTotals, parts, perSecond } from './shape.ts';

/** As many as a busy service has in flight. */
const callers = 64;

/** Remote procedure calls: many callers share one channel, and each gets the answer that has its number. */
export const calls: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'calls',
  question: `How many calls per second do ${callers} concurrent callers make over one channel, each awaiting its answer?`,
  placements: ['cross-core'],
  inDepth: 'chosen',
  sizes: { quick: [] },
  floorScenario: () => 'calls',

  run: parts(call, answer),

  combine(leader: Sample, [follower]: Followers): Figures {
    checkTotals(leader, 'calls were made', follower, 'were answered');
    return { messagesPerSecond: perSecond(leader) };
  },
});

async function call<T>(
  { link, format }: Line<T>,
  { messageBytes, warmUpNs, durationNs }: CellRequest,
): Promise<Sample> {
  const blank = format.blank(messageBytes);
  const pending = new Map<number, () => void>();
  let total = 0;

  const ask = async (mark: Mark): Promise<void> => {
    const number = total++;
    const answered = new Promise<void>((resolve) => pending.set(number, resolve));
    const message = format.stamp(blank, number, mark);
    // A copy: while it waits, the next caller stamps the blank.
    if (!link.trySend(message)) await link.send(format.stamp(format.blank(messageBytes), number, mark));
    await answered;
  };
  const callUntil = async (endNs: number): Promise<void> => {
    do await ask(Mark.plain);
    while (nowNs() < endNs);
  };
  const phase = async (timeNs: number): Promise<void> => {
    const endNs = nowNs() + timeNs;
    await Promise.all(Array.from({ length: callers }, () => callUntil(endNs)));
  };
  const take = async (): Promise<void> => {
    for (;;) {
      const reply = arrived(link.tryReceive() ?? (await link.receive()), messageBytes, total);
      const number = format.numberOf(reply);
      const resolve = pending.get(number);
      if (resolve === undefined) throw new DamagedMessage(number, messageBytes, 'nobody asked for it');
      pending.delete(number);
      resolve();
      if (format.check(reply, messageBytes, number) === Mark.last) return;
    }
  };

  const taking = take();
  await Promise.race([phase(warmUpNs), taking]); // what fails while taking ends the wait
  const beginNs = nowNs();
  const first = total;
  await Promise.race([phase(durationNs), taking]);
  const [elapsedNs, count] = [nowNs() - beginNs, total - first];
  await ask(Mark.last);
  await taking;
  return { count, elapsedNs, total };
}
