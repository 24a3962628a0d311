import type { Floor, FloorFigures, FloorRequest } from './floor.ts';

type Subject = Omit<FloorRequest, 'messages' | 'signal'>;

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
    let messages = this.#messages.get(key) ?? (subject.messageBytes > 100_000 ? 8 : 100);
    for (let attempt = 0; ; attempt++) {
      const result = await this.#floor.measure({ ...subject, messages, signal });
      if (result.unsupported !== undefined) return undefined;
      const enough = result.elapsedNs >= durationNs / 3;
      messages = Math.max(
        8,
        Math.min(5e6, Math.round((messages * durationNs) / Math.max(result.elapsedNs, 1000))),
      );
      this.#messages.set(key, messages);
      if (enough || attempt === 3) return result;
    }
  }
}
