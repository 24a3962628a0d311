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
import { arrived, checkTotals, parts, perSecond } from './shape.ts';

/** One way, many in flight, message by message. */
export const throughput: MessageScenario = defineScenario({
  kind: 'messages',
  id: 'throughput',
  question: 'How many messages go one way, sent and taken one by one?',
  sizes: {
    quick: [64 << 10],
    chosen: [1 << 10, 64 << 10, 1 << 20],
    full: [1 << 10, 64 << 10, 1 << 20, 64 << 20],
  },
  floorScenario: () => 'throughput',
  combine: combineOneWay,

  run: parts(sendOneWay, receiveOneWay),
});

/** Sends for as long as asked, message by message. */
export async function sendOneWay<T>({ link, format }: Line<T>, request: CellRequest): Promise<Sample> {
  const { messageBytes, warmUpNs, durationNs, leastMessages, mostNs } = request;
  const blank = format.blank(messageBytes);
  let sequence = 0;

  const sendFor = async (timeNs: number, least: number): Promise<void> => {
    const lapse = new Lapse(timeNs, mostNs, sequence + least);
    do {
      for (let left = lapse.stride; left > 0; left--) {
        const message = format.stamp(blank, sequence++, Mark.plain);
        if (!link.trySend(message)) await link.send(message);
      }
    } while (!lapse.isOver(sequence));
  };

  await sendFor(warmUpNs, 1);
  await link.send(format.stamp(blank, sequence++, Mark.start));
  await sendFor(durationNs, leastMessages);
  await link.send(format.stamp(blank, sequence++, Mark.last));
  return { total: sequence };
}

/** Takes all, message by message. */
export async function receiveOneWay<T>(
  { link, format }: Line<T>,
  { messageBytes }: CellRequest,
): Promise<Sample> {
  const stopwatch = new ArrivalStopwatch();
  for (let sequence = 0; ; sequence++) {
    const message = arrived(link.tryReceive() ?? (await link.receive()), messageBytes, sequence);
    const mark = format.check(message, messageBytes, sequence);
    if (mark === Mark.plain) continue;
    stopwatch.press(mark, sequence);
    if (stopwatch.stopped) return stopwatch.sample;
  }
}

/** When a phase of sending is over: its time is up and enough has been sent, or it takes too long. */
export class Lapse {
  /** So many messages until the next look at the clock, which costs as much as a small one: as many as go in a few microseconds. */
  stride = 1;
  readonly #startNs = nowNs();
  #lookedNs = this.#startNs;
  readonly #timeNs: number;
  readonly #mostNs: number;
  readonly #leastSequence: number;

  constructor(timeNs: number, mostNs: number, leastSequence: number) {
    this.#timeNs = timeNs;
    this.#mostNs = mostNs;
    this.#leastSequence = leastSequence;
  }

  isOver(sequence: number): boolean {
    const timeNs = nowNs();
    if (timeNs - this.#lookedNs < 2000) this.stride = Math.min(64, this.stride * 2);
    else if (timeNs - this.#lookedNs > 8000) this.stride = Math.max(1, this.stride >>> 1);
    this.#lookedNs = timeNs;
    const elapsedNs = timeNs - this.#startNs;
    return elapsedNs >= this.#timeNs && (sequence >= this.#leastSequence || elapsedNs >= this.#mostNs);
  }
}

/**
 * Times the arrivals, in the receiver: from the message that ends the warm-up to the last one. So the figure is
 * what was delivered, and neither the start nor what is still under way at the end falsifies it.
 */
export class ArrivalStopwatch {
  #startNs = 0;
  #elapsedNs = 0;
  #first = 0;
  #last = 0;

  /** Whether the last message has arrived. */
  get stopped(): boolean {
    return this.#last > 0;
  }

  /** A marked message has arrived. */
  press(mark: Mark, sequence: number): void {
    if (mark === Mark.start) {
      this.#startNs = nowNs();
      this.#first = sequence;
    } else {
      this.#elapsedNs = nowNs() - this.#startNs;
      this.#last = sequence;
    }
  }

  get sample(): Sample {
    return { count: this.#last - this.#first, elapsedNs: this.#elapsedNs, total: this.#last + 1 };
  }
}

export function combineOneWay(leader: Sample, [follower]: Followers): Figures {
  checkTotals(leader, 'messages were sent', follower, 'arrived');
  const messagesPerSecond = perSecond(follower);
  if (messagesPerSecond === 0) throw new Error('no message was measured');
  return { messagesPerSecond };
}
