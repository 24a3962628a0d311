/** Death at any step: inside an operation, one store at a time; and of workers under load, by SIGKILL. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Region } from '@ipc/shm';
import { SharedQueue, type LeasedMessage } from '@ipc/mq';
import { noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { planQueue, QUEUE_KIND } from '../src/shared-layout.ts';
import { SharedStore } from '../src/shared-store.ts';
import { Died, dieAt } from './die-at.ts';

noLeaks();

const geometry = { cellBytes: 128, cells: 64, participants: 4, ringSlots: 0, blocks: 16 };
const silent = { look: () => undefined, lookSoon: () => undefined };

/** Two handles on a queue with messages in every state; 0, the first, is under a lease of the one that will die. */
function prepared(): {
  store: SharedStore;
  dying: SharedStore;
  leased: LeasedMessage | undefined;
  region: Region;
} {
  const region = Region.anonymous({
    kind: QUEUE_KIND,
    bytes: planQueue(geometry).bytes,
    initialise: ({ words }) => {
      words.set([128, geometry.cells, geometry.cells, 2_000, 2, geometry.participants, 0, geometry.blocks]);
      words[17] = 1;
    },
  });
  const store = new SharedStore(region, silent);
  const dying = new SharedStore(region, silent);
  store.push(pattern(300, 9), 3);
  store.pull(); // some free cells, in a list
  for (const [n, priority] of [0, 5, 5, 0, 1_023].entries()) store.push(pattern(50 + 100 * n, n), priority);
  store.push(pattern(10, 5), 0, { delayMs: 1e6, ttlMs: 2e6 });
  store.push(pattern(10, 6), 0, { delayMs: 0, ttlMs: 1e6 });
  return { store, dying, leased: dying.lease(1e6), region };
}

/** What everybody could know of a queue: counts, and all messages in their order. Takes them out. */
function contents(store: SharedStore): unknown {
  const { counts } = store;
  const messages: unknown[] = [];
  for (let message = store.pull(); message !== undefined; message = store.pull())
    messages.push([message.bytes.length, message.bytes[0], message.priority]);
  return { counts, messages, after: store.counts };
}

type Prepared = ReturnType<typeof prepared>;

describe('a party that dies inside', () => {
  const operations: Record<string, (made: Prepared) => unknown> = {
    push: ({ dying }) => dying.push(pattern(20, 8), 7),
    'push of a long one': ({ dying }) => dying.push(pattern(1_900, 8), 5),
    'push with times': ({ dying }) => dying.push(pattern(300, 8), 7, { delayMs: 10, ttlMs: 1e6 }),
    pull: ({ dying }) => dying.pull(),
    lease: ({ dying }) => dying.lease(1e5),
    acknowledge: ({ leased }) => leased?.acknowledge(),
    release: ({ leased }) => leased?.release(),
    'release with a delay': ({ leased }) => leased?.release({ delayMs: 1e6 }),
    extend: ({ leased }) => leased?.extend(2e6),
  };

  test.each(Object.entries(operations))('%s: before each change, nothing has happened', (_, operation) => {
    let expected: unknown;
    let steps = 0;
    for (; ; steps++) {
      const made = prepared();
      const died = dieAt(steps, () => {
        if (steps > 0 || expected !== undefined) operation(made);
        else throw new Died(); // first round: what it is without the operation
      });
      const found = contents(made.store);
      made.dying.close();
      made.store.close();
      made.region.close();
      if (!died) break;
      expected ??= found;
      expect(found).toEqual(expected);
    }
    expect(steps).toBeGreaterThan(3);
  });

  test('the memory of what was half stored is not lost', () => {
    const made = prepared();
    for (let step = 0; dieAt(step, () => made.dying.push(pattern(1_000), 0)); step++)
      expect(made.store.counts.messages).toBe(7);
    contents(made.store);
    made.dying.close();
    contents(made.store);
    let stored = 0;
    while (made.store.push(pattern(10), 0)) stored++;
    expect(stored).toBe(geometry.cells - 1); // but for the delayed one
    made.store.close();
    made.region.close();
  });
});

/** More by SHARED_QUEUE_KILLS=2000. */
const kills = Number(process.env.SHARED_QUEUE_KILLS ?? 12);

test(
  `${kills} workers killed under load: every message is handled, duplicates are counted`,
  { timeout: 90_000 + kills * 1_000 },
  async () => {
    const [jobsName, resultsName] = [uniqueName('jobs'), uniqueName('results')];
    const size = { capacityBytes: 1 << 20, maxAttempts: 0 };
    using jobs = SharedQueue.create(jobsName, size);
    using results = SharedQueue.create(resultsName, size);
    const seen = new Map<number, number>();
    const file = fileURLToPath(new URL('../dist-test/workers/lease-worker.js', import.meta.url));
    const running = new Set<ChildProcess>();
    const enough = new AbortController();

    const produced = (async () => {
      let n = 0;
      for (; !enough.signal.aborted; n++)
        await jobs.send(new Uint8Array(Uint32Array.of(n).buffer), { priority: n % 3 });
      return n;
    })();
    let awaited = { count: Infinity, reached: (): void => undefined };
    const collect = (bytes: Uint8Array): void => {
      const n = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      seen.set(n, (seen.get(n) ?? 0) + 1);
      if (seen.size >= awaited.count) awaited.reached();
    };
    const handled = (count: number): Promise<void> =>
      new Promise((reached) => {
        if (seen.size >= count) reached();
        else awaited = { count, reached };
      });
    const collected = (async () => {
      for (;;) {
        const { bytes } = await results.receive();
        if (bytes.length === 0) return;
        collect(bytes);
      }
    })();
    const start = async (): Promise<ChildProcess> => {
      const child = fork(file, [jobsName, resultsName], { execArgv: [] });
      running.add(child);
      await once(child, 'message');
      return child;
    };
    const stop = async (child: ChildProcess): Promise<void> => {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
      running.delete(child);
    };

    try {
      for (let round = 0; round < kills; round += 2) {
        const both = await Promise.all([start(), start()]);
        await handled(seen.size + 20 + ((round * 37) % 200));
        await Promise.all(both.map(stop));
      }
      enough.abort();
      const last = await start();
      const total = await produced;
      await handled(total);
      while (jobs.attributes().messages > 0) await new Promise((resolve) => setImmediate(resolve)); // its last acknowledgement
      await stop(last);
      results.trySend(new Uint8Array(0));
      await collected;

      expect(seen.size).toBe(total); // each at least once
      const duplicates = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
      expect(duplicates).toBeLessThanOrEqual(jobs.attributes().redelivered);
      expect(jobs.attributes()).toMatchObject({ messages: 0, leased: 0, deadLetters: 0 });
    } finally {
      enough.abort();
      await Promise.all([...running].map(stop));
      jobs.unlink();
      results.unlink();
    }
  },
);
