/** A party in a process, or with any-thread.ts in a thread, of its own, for any lock: opens one, and calls its methods by name. */
import { parentPort } from 'node:worker_threads';
import { Region } from '@ipc/shm';
import * as sync from '@ipc/sync';
import { serveCommands } from '@ipc/testkit/peer';

type Callable = Record<string, (...args: unknown[]) => unknown>;

let lock: Callable = {};
let region: Region | undefined;
const results: unknown[] = [];

const commands = {
  open(
    kind: 'RwLock' | 'Event' | 'Latch' | 'Barrier' | 'Mutex' | 'Semaphore' | 'Lease',
    name: string,
    options: object,
  ) {
    lock = (sync[kind] as unknown as { openOrCreate(name: string, options: object): Callable }).openOrCreate(
      name,
      options,
    );
  },
  openRegion(name: string) {
    region = Region.open(name, { kind: 'user' });
  },
  /** Opens a lock inside the region, besides those that are open. */
  openIn(kind: 'RwLock', offset: number, options: object) {
    results.push(lock);
    lock = sync[kind].in(region as Region, offset, options) as unknown as Callable;
  },
  /** Begins with what is done once, and never ends. */
  async runForEver() {
    await new Promise((resolve) => {
      void (lock as unknown as sync.Once).run(() => {
        resolve(undefined);
        return new Promise(() => undefined);
      });
    });
  },
  /** Waits for a condition, with the mutex at this offset; answers when that is free. */
  startToWait(mutexOffset: number, options: object) {
    const mutex = sync.Mutex.in(region as Region, mutexOffset, options);
    void (lock as unknown as sync.Condition).wait(mutex, mutex.acquireSync());
    results.push(mutex);
  },
  /** Adds to the first word of the region under the lock, without atomics. */
  increment(rounds: number) {
    const words = (region as Region).words;
    for (let round = 0; round < rounds; round++) {
      const held = (lock as unknown as sync.Mutex).acquireSync();
      words[0] = (words[0] ?? 0) + 1;
      held.release();
    }
  },
  /** Calls `method` of the lock, or of one of its parts: `shared.acquire`. True when something came back. */
  async invoke(method: string, ...args: unknown[]) {
    const path = method.split('.');
    let target: unknown = lock;
    for (const part of path.slice(0, -1)) target = (target as Record<string, unknown>)[part];
    const result: unknown = await (target as Callable)[path.at(-1) ?? '']?.(...args);
    if (typeof result === 'object' && result !== null) results.push(result);
    return typeof result === 'object' ? { abandoned: (result as { abandoned?: boolean }).abandoned } : result;
  },
  /** Starts `method` and answers at once. */
  start(method: string) {
    void Promise.resolve(lock[method]?.()).catch(() => undefined);
  },
  /** Answers on the event loop: it is inside nothing. */
  turn: () => undefined,
  /** From now on SIGALRM interrupts system calls. */
  hearAlarms() {
    process.on('SIGALRM', () => undefined);
  },
  /** Calls a method that blocks with `timeoutMs`; how long it took, and whether anything came of it. */
  block(method: string, timeoutMs: number) {
    const startMs = performance.now();
    const result = lock[method]?.({ timeoutMs });
    return { tookMs: performance.now() - startMs, came: result !== undefined && result !== false };
  },
  /** Stands in line on the event loop; then, behind another one, blocking. Lets go of both. */
  async waitTwice() {
    const mutex = lock as unknown as sync.Mutex;
    const first = mutex.acquire();
    const isOtherAsleep = (): boolean => mutex.waiters.some(({ pid }) => pid !== process.pid);
    while (!isOtherAsleep()); // it has come: blocks the thread, so that the first is not served
    while (mutex.owner !== undefined || !isOtherAsleep());
    mutex.acquireSync().release();
    (await first).release();
  },
  close() {
    (lock as unknown as Disposable)[Symbol.dispose]();
  },
  release() {
    (results.pop() as Partial<sync.Held> | undefined)?.release?.();
  },
};

const port = parentPort;
if (port === null) serveCommands(commands);
else {
  serveCommands(commands, {
    send: (value) => {
      port.postMessage(value);
    },
    onMessage: (handler) => port.on('message', handler),
    end: () => {
      port.close();
    },
  });
}
