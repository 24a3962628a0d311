/** Takes and gives four locks at random, in every spelling, and looks around inside whether it should be there. */
import { setImmediate } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Mutex, RwLock, Semaphore, type Held } from '@ipc/sync';
import { randomOf } from '../campaign.ts';
import { ACCESS, ALIVE, INSIDE, OPERATIONS, PERMITS, PROCESSES, VIOLATIONS } from '../lock-stress-layout.ts';

const [name = '', seed = '1'] = process.argv.slice(2);
/** Which of the processes this is, from its start on. */
let me = 0;
const random = randomOf(Number(seed));
const { words } = Region.open(name, { kind: 'faults' });
const mutexes = [Mutex.open(name), Mutex.open(`${name}.fair`)] as const;
const semaphore = Semaphore.open(name);
const lock = RwLock.open(name);

interface Spellings<Possession> {
  tryAcquire(): Possession | undefined;
  acquire(options: { signal?: AbortSignal }): Promise<Possession>;
  acquireSync(options: { timeoutMs: number }): Possession | undefined;
}

/** In a random spelling, which may come to nothing. */
async function acquire<Possession>(from: Spellings<Possession>): Promise<Possession | undefined> {
  const choice = random();
  if (choice < 0.2) return from.tryAcquire();
  if (choice < 0.6) return from.acquireSync({ timeoutMs: 50 });
  if (choice < 0.7) return from.acquire({ signal: AbortSignal.timeout(20) }).catch(() => undefined);
  return from.acquire({});
}

function expect(isRight: boolean): void {
  if (!isRight) Atomics.add(words, VIOLATIONS, 1);
}

/** What those who live say of themselves in a block. */
function others(block: number): number[] {
  const values: number[] = [];
  for (let each = 0; each < PROCESSES; each++)
    if (each !== me && Atomics.load(words, ALIVE + each) === 1)
      values.push(Atomics.load(words, block + each));
  return values;
}

async function mutually(which: 0 | 1): Promise<Held | undefined> {
  const held = await acquire<Held>(mutexes[which]);
  if (held === undefined) return undefined;
  const before = Atomics.exchange(words, INSIDE + which, me + 1);
  expect(before === 0 || held.abandoned);
  if (random() < 0.05) await setImmediate();
  expect(Atomics.exchange(words, INSIDE + which, 0) === me + 1);
  return held;
}

const operations: readonly (() => Promise<{ release(): void } | undefined>)[] = [
  () => mutually(0),
  () => mutually(1),
  async () => {
    const permits = random() < 0.8 ? 1 : 2;
    const permit = await acquire({
      tryAcquire: () => semaphore.tryAcquire(permits),
      acquire: (options) => semaphore.acquire({ ...options, permits }),
      acquireSync: (options) => semaphore.acquireSync({ ...options, permits }),
    });
    if (permit === undefined) return undefined;
    Atomics.store(words, PERMITS + me, permits);
    expect(others(PERMITS).reduce((sum, taken) => sum + taken, permits) <= 3);
    Atomics.store(words, PERMITS + me, 0);
    return permit;
  },
  async () => {
    const writes = random() < 0.3;
    const held = await acquire<Held>(writes ? lock.exclusive : lock.shared);
    if (held === undefined) return undefined;
    Atomics.store(words, ACCESS + me, writes ? 2 : 1);
    expect(others(ACCESS).every((access) => access === 0 || (!writes && access === 1)));
    Atomics.store(words, ACCESS + me, 0);
    return held;
  },
];

process.once('message', (index: number) => {
  me = index;
  void (async () => {
    for (;;) {
      const held = await operations[Math.floor(random() * operations.length)]?.();
      if (held === undefined) {
        await setImmediate();
        continue;
      }
      Atomics.add(words, OPERATIONS + me, 1);
      held.release();
      if (random() < 0.2) await setImmediate();
    }
  })();
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
