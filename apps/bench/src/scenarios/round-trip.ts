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

/** One request in flight, both sides waiting on their event loops: what a caller waits for an idle server. */
export const roundTrip: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'round-trip',
  question: 'How long does one request and its answer take, both sides waiting on the event loop?',
  sizes: { quick: [], chosen: [1 << 10, 64 << 10, 1 << 20], full: [64 << 10] },
  floorScenario: (subject) => (subject === 'shm.ring' ? 'round-trip-sleeping' : 'round-trip'),
  combine: combineRoundTrips,

  run: parts(ask, answer),
});

async function ask<T>({ link, format }: Line<T>, request: CellRequest): Promise<Sample> {
  const { messageBytes } = request;
  const blank = format.blank(messageBytes);
  const rounds = new Rounds(request);
  for (let sequence = 0; ; sequence++) {
    const mark = rounds.next(nowNs());
    const message = format.stamp(blank, sequence, mark);
    if (!link.trySend(message)) await link.send(message);
    const reply = arrived(await link.receive(), messageBytes, sequence);
    format.check(reply, messageBytes, sequence);
    if (mark === Mark.last) return rounds.sample;
  }
}

/** Answers until the last request. */
export async function answer<T>({ link, format }: Line<T>, { messageBytes }: CellRequest): Promise<Sample> {
  const blank = format.blank(messageBytes);
  for (let sequence = 0; ; sequence++) {
    const question = arrived(await link.receive(), messageBytes, sequence);
    const mark = format.check(question, messageBytes, sequence);
    const reply = format.stamp(blank, sequence, mark);
    if (!link.trySend(reply)) await link.send(reply);
    if (mark === Mark.last) return { total: sequence + 1 };
  }
}

/** More samples than this add nothing to a percentile that is printed. */
const mostSamples = 100_000;

/**
 * Bookkeeping of the asking side. One reading of the clock per round: the end of one is the start of the next.
 *
 * The marked rounds that begin and end the measurement are not measured: both sides look at every byte of their messages,
 * in code that has not run for a while.
 */
export class Rounds {
  readonly #request: CellRequest;
  readonly #latencyNs = new Float64Array(mostSamples);
  #phaseEndNs = 0;
  #measuring = false;
  /** The round under way is measured. */
  #counts = false;
  #previousNs = 0;
  #rounds = 0;
  #count = 0;

  constructor(request: CellRequest) {
    this.#request = request;
  }

  /** A round has ended, if one was under way, and the next one begins. Returns its mark. */
  next(timeNs: number): Mark {
    const { warmUpNs, durationNs, leastMessages, mostNs } = this.#request;
    if (this.#counts) this.#latencyNs[this.#count++] = timeNs - this.#previousNs;
    this.#previousNs = timeNs;
    if (this.#rounds++ === 0) this.#phaseEndNs = timeNs + warmUpNs;
    if (!this.#measuring) {
      // After the first round, so that not even a cold one is measured.
      if (timeNs < this.#phaseEndNs || this.#rounds < 3) return Mark.plain;
      this.#measuring = true;
      this.#phaseEndNs = timeNs + durationNs;
      return Mark.start;
    }
    const overdueNs = timeNs - this.#phaseEndNs;
    const isTime = overdueNs >= 0 && (this.#count >= leastMessages || overdueNs >= mostNs - durationNs);
    this.#counts = this.#count === 0 || (!isTime && this.#count < mostSamples);
    return this.#counts ? Mark.plain : Mark.last;
  }

  /** After the last one. */
  get sample(): Sample {
    return { latencyNs: this.#latencyNs.slice(0, this.#count), total: this.#rounds };
  }
}

export function combineRoundTrips(leader: Sample, [follower]: Followers): Figures {
  checkTotals(leader, 'requests were sent', follower, 'were answered');
  if (leader.latencyNs === undefined) throw new Error('no round trip was measured');
  return { latencyNs: leader.latencyNs };
}
