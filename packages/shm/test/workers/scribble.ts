/** Structures under somebody who flips bits of their memory: one process uses them, another one scribbles. */
import {
  Consumer,
  LatestReader,
  LatestWriter,
  Producer,
  Publisher,
  Region,
  RingMemory,
  ringBytes,
  RingReader,
  RingWriter,
  Subscriber,
} from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

const message = new Uint8Array(100).fill(7);
/** Messages that came out. */
let count = 0;
const counts = (): void => {
  count++;
};

/** Uses a fresh structure until it is found damaged. */
type Use = (name: string, until: number) => Promise<void>;

const slots = { slots: 16, maxMessageBytes: 100, lifetime: 'while-open' } as const;

const broadcast =
  (overflow: 'lap' | 'wait'): Use =>
  async (name, until) => {
    const publisher = Publisher.open(name, { ...slots, overflow });
    try {
      await pump(publisher, Subscriber.open(name, { history: 3, spinUs: 0 }), until);
    } finally {
      await publisher.close();
    }
  };

/** Sends and receives in every way that does not wait for long. */
async function pump(
  sender: Publisher | Producer,
  receiver: Subscriber | Consumer,
  until: number,
): Promise<void> {
  try {
    while (performance.now() < until) {
      for (let n = 0; n < 20; n++) sender.trySend(message);
      receiver.drain(counts, 10);
      sender.sendSync(message, { timeoutMs: 1 });
      for (let n = 0; n < 10; n++) if (receiver.tryReceive() !== undefined) count++;
      if (receiver.receiveSync({ timeoutMs: 1 }) !== undefined) count++;
      await receiver.receive({ signal: AbortSignal.timeout(1) }).then(counts, (error: unknown) => {
        if ((error as Error).name !== 'TimeoutError') throw error;
      });
    }
  } finally {
    await receiver.close();
  }
}

const uses: Record<string, { kind: string; use: Use }> = {
  lap: { kind: 'broadcast', use: broadcast('lap') },
  wait: { kind: 'broadcast', use: broadcast('wait') },
  queue: {
    kind: 'mpmc',
    use: async (name, until) => {
      const producer = Producer.open(name, slots);
      try {
        await pump(producer, Consumer.open(name), until);
      } finally {
        await producer.close();
      }
    },
  },
  latest: {
    kind: 'latest',
    use: (name, until) => {
      using writer = LatestWriter.open(name, { maxBytes: 100, lifetime: 'while-open' });
      using reader = LatestReader.open(name);
      while (performance.now() < until) {
        writer.publish(message);
        if (reader.read() !== undefined) count++;
        if (reader.waitSync({ timeoutMs: 0 })) count++;
      }
      return Promise.resolve();
    },
  },
  ring: {
    kind: 'ring-test',
    use: (name, until) => {
      const bytes = ringBytes(4096);
      using region = Region.create(name, { kind: 'ring-test', bytes, lifetime: 'while-open' });
      const memory = new RingMemory(region.buffer, region.offset, 4096);
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
      while (performance.now() < until) {
        for (let n = 0; n < 20; n++) writer.trySend(message);
        writer.tryClaim(50)?.commit();
        for (let n = 0; n < 5; n++) if (reader.tryReceive() !== undefined) count++;
        reader.drain(counts);
        if (!reader.sleep()) reader.stopSleeping();
        if (!writer.awaitRoom()) writer.stopAwaiting();
      }
      return Promise.resolve();
    },
  },
};

serveCommands({
  /** Uses structures, one after the other, for `ms`; tells how many were damaged and how many messages came. */
  async use(structure: string, name: string, ms: number) {
    const { kind, use } = uses[structure] as { kind: string; use: Use };
    const until = performance.now() + ms;
    let damaged = 0;
    while (performance.now() < until) {
      try {
        await use(name, Math.min(until, performance.now() + 50));
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== 'ERR_IPC_CORRUPT' && code !== 'ERR_IPC_LIMIT') throw error;
        damaged++;
      }
      Region.unlink(name, kind);
    }
    return { count, damaged };
  },
  /** Flips `flips` random bits of whatever has the name, every now and then, for `ms`. */
  async scribble(structure: string, name: string, ms: number, seed: number) {
    const { kind } = uses[structure] as { kind: string };
    let state = seed | 1;
    const random = (below: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    let flipped = 0;
    for (const until = performance.now() + ms; performance.now() < until;) {
      try {
        using region = Region.open(name, { kind });
        for (let flips = 0; flips < 200 && !region.unlinked; flips++) {
          const word =
            random(4) === 0 ? random(region.words.length) : random(Math.min(region.words.length, 300));
          Atomics.xor(region.words, word, 1 << random(32));
          flipped++;
          if (random(2) === 0) await new Promise((resolve) => setImmediate(resolve));
        }
      } catch {
        await new Promise((resolve) => setImmediate(resolve)); // between two of them
      }
    }
    return flipped;
  },
});
