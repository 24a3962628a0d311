/** What a queue promises the rest of its process, whatever its port does. */
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PortQueue } from '../src/port-queue.ts';
import type { QueueEvents, QueuePort } from '../src/queue-port.ts';

/** A port that has neither a message nor room until somebody waits, and then at once: as one whose peer answers while it spins. */
class ReadyOnceAwaited implements QueuePort {
  readonly traits = { maxPriority: 0, survives: 'nothing', unlink: 'keeps-open', leases: false } as const;
  readonly maxMessageBytes = 8;
  #events: QueueEvents | undefined;
  #isReady = false;

  attach(events: QueueEvents): void {
    this.#events = events;
  }

  push(): boolean {
    return this.#taken();
  }

  pull(): { bytes: Uint8Array; priority: number } | undefined {
    return this.#taken() ? { bytes: new Uint8Array(1), priority: 0 } : undefined;
  }

  awaitRoom(on: boolean): void {
    if (on && this.#becomesReady()) this.#events?.room();
  }

  awaitMessage(on: boolean): void {
    if (on && this.#becomesReady()) this.#events?.ready();
  }

  blockForRoom(): void {
    this.#isReady = true;
  }

  blockForMessage(): void {
    this.#isReady = true;
  }

  attributes(): { maxMessages: number; maxMessageBytes: number; messages: number } {
    return { maxMessages: 1, maxMessageBytes: 8, messages: 0 };
  }

  unlink(): boolean {
    return false;
  }

  release(): void {
    // nothing is held
  }

  #becomesReady(): boolean {
    return (this.#isReady = true);
  }

  #taken(): boolean {
    const was = this.#isReady;
    this.#isReady = false;
    return was;
  }
}

test.each([
  ['receiving', (queue: PortQueue) => queue.receive()],
  ['sending', (queue: PortQueue) => queue.send(new Uint8Array(1))],
])(
  '%s from a peer that always answers before a sleep leaves the event loop its turns',
  async (_what, use) => {
    using queue = new PortQueue(new ReadyOnceAwaited(), undefined);
    const over = new AbortController();
    let turns = 0;
    const counting = (async () => {
      for (; !over.signal.aborted; turns++) await setImmediate();
    })();
    for (let uses = 0; uses < 320; uses++) await use(queue);
    over.abort();
    await counting;
    expect(turns).toBeGreaterThanOrEqual(9); // of each 32 waits one is left to the event loop
  },
);
