import { setImmediate as turn } from 'node:timers/promises';
import { nowNs } from '../clock.ts';
import { Mark } from '../message-format.ts';
import {
  defineScenario,
  type CellRequest,
  type Line,
  type MessageScenario,
  type Sample,
} from '../scenario.ts';
import { answer, combineRoundTrips } from './round-trip.ts';
import { arrived, parts } from './shape.ts';

/** Slow enough for every mechanism here, and many enough for a p99 within a second. */
const requestsPerSecond = 5000;
const periodNs = 1e9 / requestsPerSecond;

/**
 * Requests at a steady rate, whether the answers come or not, each timed from when it should have left: who stalls
 * for 20 ms makes a hundred requests late, and all of them count. Source: G. Tene, wrk2, "coordinated omission".
 */
export const roundTripPaced: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'round-trip-paced',
  question: `How long does a request take at a steady ${requestsPerSecond} per second, from when it was due?`,
  placements: ['cross-core'], // who waits for the next request keeps its processor busy
  inDepth: 'chosen',
  warmedBy: 'round-trip',
  sizes: { quick: [] },
  floorScenario: () => undefined,
  combine: combineRoundTrips,

  run: parts(ask, answer),
});

async function ask<T>(line: Line<T>, request: CellRequest): Promise<Sample> {
  const { warmUpNs, durationNs, leastMessages } = request;
  const warmUp = Math.ceil(warmUpNs / periodNs);
  const measured = Math.max(leastMessages, Math.ceil(durationNs / periodNs));
  const total = warmUp + measured + 1; // the last is marked, for which both sides do more
  const beginNs = nowNs() + periodNs;
  const [latencyNs] = await Promise.all([
    take(line, request, { beginNs, warmUp, total }),
    send(line, request, { beginNs, total }),
  ]);
  return { latencyNs, total };
}

/** Sends each request when it is due; those that are overdue at once, one after the other. */
async function send<T>(
  { link, format }: Line<T>,
  { messageBytes }: CellRequest,
  { beginNs, total }: { readonly beginNs: number; readonly total: number },
): Promise<void> {
  const blank = format.blank(messageBytes);
  for (let sequence = 0; sequence < total; sequence++) {
    while (nowNs() < beginNs + sequence * periodNs) await turn();
    const message = format.stamp(blank, sequence, sequence === total - 1 ? Mark.last : Mark.plain);
    if (!link.trySend(message)) await link.send(message);
  }
}

async function take<T>(
  { link, format }: Line<T>,
  { messageBytes }: CellRequest,
  { beginNs, warmUp, total }: { readonly beginNs: number; readonly warmUp: number; readonly total: number },
): Promise<Float64Array> {
  const latencyNs = new Float64Array(total - 1 - warmUp);
  for (let sequence = 0; sequence < total; sequence++) {
    const reply = arrived(await link.receive(), messageBytes, sequence);
    const timeNs = nowNs();
    format.check(reply, messageBytes, sequence);
    if (sequence >= warmUp && sequence < total - 1)
      latencyNs[sequence - warmUp] = timeNs - (beginNs + sequence * periodNs);
  }
  return latencyNs;
}
