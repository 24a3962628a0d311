import { setTimeout as sleep } from 'node:timers/promises';
import { nowNs } from '../clock.ts';
import { Mark } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Followers,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { arrived, checkTotals, parts } from './shape.ts';

/** Long enough for the receiver's processor to fall asleep. */
const restMs = 2;

/** One message, one way, to a process that has been asleep: what nobody sees who only measures busy ones. */
export const wakeUp: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'wake-up',
  question: `How long does one message take, one way, to a process that has slept for ${restMs} ms?`,
  placements: ['cross-core', 'same-core'],
  inDepth: 'full',
  warmedBy: 'round-trip',
  sizes: { quick: [] },
  floorScenario: () => 'wake-up',
  combine,

  run: parts(send, receive),
});

/** The times of both sides are of one clock; their difference is the way. */
async function send<T>(
  { link, format }: Line<T>,
  { messageBytes, durationNs }: CellRequest,
): Promise<Sample> {
  const blank = format.blank(messageBytes);
  const total = Math.max(10, Math.ceil(durationNs / (restMs * 1e6)));
  const timesNs = new Float64Array(total);
  for (let sequence = 0; sequence < total; sequence++) {
    await sleep(restMs);
    const message = format.stamp(blank, sequence, sequence === total - 1 ? Mark.last : Mark.plain);
    timesNs[sequence] = nowNs();
    if (!link.trySend(message)) await link.send(message);
  }
  return { timesNs, total };
}

async function receive<T>({ link, format }: Line<T>, { messageBytes }: CellRequest): Promise<Sample> {
  const timesNs: number[] = [];
  for (let sequence = 0; ; sequence++) {
    const message = arrived(await link.receive(), messageBytes, sequence);
    timesNs.push(nowNs());
    const mark = format.check(message, messageBytes, sequence);
    if (mark === Mark.last) return { timesNs: Float64Array.from(timesNs), total: sequence + 1 };
  }
}

function combine(leader: Sample, [follower]: Followers): Figures {
  checkTotals(leader, 'messages were sent', follower, 'arrived');
  const [sent, arrived] = [leader.timesNs, follower.timesNs];
  if (sent === undefined || arrived === undefined) throw new Error('no time was taken');
  // The clocks of two processes are the same to within a microsecond; the first one still compiles.
  return {
    latencyNs: arrived.map((timeNs, index) => Math.max(0, timeNs - (sent[index] ?? timeNs))).slice(1),
  };
}
