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
import { arrived, crowd, parts } from './shape.ts';

/** One sends, and each message goes to one of all others, whoever comes first: a queue of work. */
export const workSharing: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'work-sharing',
  question:
    'How many messages per second do that many receivers take from one queue, each message by one of them?',
  ...crowd,
  combine,

  run: parts(distribute, work),
});

/** Between two looks at the clock. */
const stride = 32;

/** Sends until time is up, and then to each receiver that there is no more: whoever has taken that stops. */
async function distribute<T>(
  { link, format }: Line<T>,
  { messageBytes, followers, startNs, durationNs }: CellRequest,
): Promise<Sample> {
  const blank = format.blank(messageBytes);
  let total = 0;
  const send = async (mark: Mark): Promise<void> => {
    const message = format.stamp(blank, total++, mark);
    if (!link.trySend(message)) await link.send(message);
  };
  do {
    for (let i = 0; i < stride; i++) await send(Mark.plain);
  } while (nowNs() < startNs + durationNs);
  for (let follower = 0; follower < followers; follower++) await send(Mark.last);
  return { total };
}

/** Takes until it is told that there is no more; what came between the two instants that are the same for all counts. */
async function work<T>(
  { link, format }: Line<T>,
  { messageBytes, startNs, durationNs }: CellRequest,
): Promise<Sample> {
  let [count, total, numbers, previous] = [0, 0, 0, -1];
  let beginNs = 0;
  for (;;) {
    const message = arrived(link.tryReceive() ?? (await link.receive()), messageBytes, total);
    const number = format.numberOf(message);
    // Others have taken those between; but what one of them takes is in order.
    if (number <= previous)
      throw new DamagedMessage(number, messageBytes, `it came after message ${previous}`);
    const mark = format.check(message, messageBytes, number);
    const timeNs = nowNs();
    if (total === 0) beginNs = timeNs;
    if (timeNs >= startNs && timeNs < startNs + durationNs) count++;
    total++;
    numbers += number;
    previous = number;
    if (mark === Mark.last)
      return { count, elapsedNs: durationNs, total, numbers, timesNs: Float64Array.of(beginNs, timeNs) };
  }
}

/** All have been taken, and none twice: as many as were sent, and the sum of their numbers is that of 0, 1, 2, … */
function combine({ total }: Sample, followers: Followers): Figures {
  const taken = followers.reduce((sum, follower) => sum + follower.total, 0);
  const numbers = followers.reduce((sum, follower) => sum + (follower.numbers ?? 0), 0);
  if (taken !== total) throw new Error(`${total} messages were sent and ${taken} were taken`);
  if (numbers !== (total * (total - 1)) / 2)
    throw new Error('some message was taken twice, and another was lost');
  const counted = followers.reduce((sum, { count = 0 }) => sum + count, 0);
  const [{ elapsedNs = 0 }] = followers;
  if (counted > 0) return { messagesPerSecond: (counted * 1e9) / elapsedNs };
  // On a machine so busy that nothing came meanwhile, all that came is the best there is.
  const times = followers.flatMap(({ timesNs = [] }) => [...timesNs]);
  return { messagesPerSecond: (total * 1e9) / Math.max(1, Math.max(...times) - Math.min(...times)) };
}
