/** A party in a process of its own: opens locks, and takes and gives them on command. */
import { Worker } from 'node:worker_threads';
import { Mutex, Semaphore, type Held, type Permit } from '@ipc/sync';
import { serveCommands } from '@ipc/testkit/peer';

let mutex: Mutex | undefined;
let semaphore: Semaphore | undefined;
let held: Held | undefined;
let thread: Worker | undefined;
const permits: Permit[] = [];

function open<Lock>(lock: Lock | undefined): Lock {
  if (lock === undefined) throw new Error('not open');
  return lock;
}

serveCommands({
  openMutex(name: string, label?: string) {
    mutex = Mutex.openOrCreate(name, { label });
  },
  tryAcquire() {
    const taken = open(mutex).tryAcquire();
    if (taken !== undefined) held = taken;
    return taken?.abandoned;
  },
  async acquire() {
    held = await open(mutex).acquire();
    return held.abandoned;
  },
  /** Blocks this process for ever, or until it has the lock. */
  acquireSync() {
    held = open(mutex).acquireSync();
    return held.abandoned;
  },
  /** Starts to wait, answers at once, and tells on descriptor 2... nothing: only `isHeld` tells. */
  startToAcquire() {
    void open(mutex)
      .acquire()
      .then((taken) => {
        held = taken;
      });
  },
  isHeld: () => held?.isHeld ?? false,
  release() {
    held?.release();
  },
  close() {
    mutex?.close();
    semaphore?.close();
  },
  exit(code: number) {
    process.exit(code);
  },
  openSemaphore(name: string, count: number, onDeath: 'return' | 'stay') {
    semaphore = Semaphore.openOrCreate(name, { permits: count, onDeath });
  },
  async takePermits(count: number) {
    permits.push(await open(semaphore).acquire({ permits: count }));
  },
  returnPermits() {
    permits.pop()?.release();
  },
  signal(count: number) {
    open(semaphore).release(count);
  },
  /** Starts a worker thread that takes the mutex of this name and then does as `mode` says. */
  startThread(name: string, mode: string) {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: { name, mode } });
    thread = worker;
    return new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  },
  terminateThread: () => thread?.terminate(),
});
