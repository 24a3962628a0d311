import type { Floor, FloorFigures, FloorRequest } from './floor.ts';

type Subject = Omit<FloorRequest, 'messages' | 'signal'>;

const leastMessages = 4;
const mostMessages = 5e6;
/** Of the number of messages, from one attempt to the next. */
const mostGrowth = 10;
const mostAttempts = 6;
/** A third of the time that was asked for will do. */
const enough = 3;

/** Runs the C floor for about as long as asked, by finding out how many messages that takes. */
export class FloorGauge {
  readonly #floor: Floor;
  readonly #messages = new Map<string, number>();

  constructor(floor: Floor) {
    this.#floor = floor;
  }

  /** The floor's figures, or `undefined` where this machine or the floor cannot do that. */
  async measure(
    subject: Subject,
    durationNs: number,
    signal: AbortSignal,
  ): Promise<FloorFigures | undefined> {
    const key = JSON.stringify(subject);
    let messages = this.#messages.get(key) ?? (subject.messageBytes > 100_000 ? leastMessages : 100);
    for (let attempt = 1; ; attempt++) {
      const result = await this.#floor.measure({ ...subject, messages, signal });
      if (result.unsupported !== undefined) return undefined;
      const growth = durationNs / Math.max(result.elapsedNs, 1000);
      // Step by step: a few fit into the buffers on the way and cost a hundredth of those that have to wait.
      messages = Math.round(messages * Math.min(growth, mostGrowth));
      messages = Math.max(leastMessages, Math.min(mostMessages, messages));
      this.#messages.set(key, messages);
      if (growth <= enough || attempt === mostAttempts) return result;
    }
  }
}
