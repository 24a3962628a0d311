import { nowNs } from '../clock.ts';
import { Mark } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { combineRoundTrips, Rounds } from './round-trip.ts';
import { parts } from './shape.ts';

/** One request in flight, both sides polling: what is left when nobody has to be woken. */
export const roundTripSpinning: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'round-trip-spinning',
  question: 'How long does one request and its answer take when both sides poll and never sleep?',
  placements: ['cross-core'], // on one core each would only keep the other from running
  inDepth: 'chosen',
  sizes: { quick: [], full: [64 << 10] },
  floorScenario: () => 'round-trip',
  combine: combineRoundTrips,

  run: parts(ask, answer),
});

async function ask<T>(line: Line<T>, request: CellRequest): Promise<Sample> {
  const { format } = line;
  const blank = format.blank(request.messageBytes);
  const rounds = new Rounds(request);
  for (let sequence = 0; ; sequence++) {
    const mark = rounds.next(nowNs());
    const sent = send(line, format.stamp(blank, sequence, mark));
    if (sent !== undefined) await sent;
    format.check(poll(line), request.messageBytes, sequence);
    if (mark === Mark.last) return rounds.sample;
  }
}

async function answer<T>(line: Line<T>, { messageBytes }: CellRequest): Promise<Sample> {
  const { format } = line;
  const blank = format.blank(messageBytes);
  for (let sequence = 0; ; sequence++) {
    const mark = format.check(poll(line), messageBytes, sequence);
    const sent = send(line, format.stamp(blank, sequence, mark));
    if (sent !== undefined) await sent;
    if (mark === Mark.last) return { total: sequence + 1 };
  }
}

/** Sends now; a promise only where the event loop is needed for the message to leave. */
function send<T>({ link, sendsAtOnce }: Line<T>, message: T): Promise<void> | undefined {
  if (!link.trySend(message)) return link.send(message).then(() => link.flush?.());
  return sendsAtOnce === true ? undefined : link.flush?.();
}

const patienceNs = 2e9;

function poll<T>({ link }: Line<T>): T {
  let deadline = 0;
  for (let polls = 1; ; polls++) {
    const message = link.tryReceive();
    if (message !== undefined) return message;
    if (polls % 65_536 !== 0) continue;
    const timeNs = nowNs();
    if (deadline === 0) deadline = timeNs + patienceNs;
    else if (timeNs > deadline)
      throw new Error(`no message came within ${patienceNs / 1e9} seconds of polling`);
  }
}
