/** Waits in vain for locks that others hold, for a time each, while signals interrupt its system calls. */
import { Barrier, Event, Latch, Mutex, PosixSemaphore, RwLock, Semaphore } from '@ipc/sync';
import type { VainWait } from '../vain-wait.ts';

const [name = '', rounds = ''] = process.argv.slice(2);
const mutex = Mutex.open(name);
const semaphore = Semaphore.open(name);
const rwLock = RwLock.open(name);
const event = Event.openOrCreate(name);
const latch = Latch.openOrCreate(name, { count: 1 });
const barrier = Barrier.openOrCreate(name, { parties: 2 });
const posix = PosixSemaphore.openOrCreate(name, { permits: 0 });

/** Each comes back with nothing. */
const blocking: readonly [string, (options: { timeoutMs: number }) => unknown][] = [
  ['Mutex', (options) => mutex.acquireSync(options)],
  ['Semaphore', (options) => semaphore.acquireSync(options)],
  ['RwLock, shared', (options) => rwLock.shared.acquireSync(options)],
  ['RwLock, exclusive', (options) => rwLock.exclusive.acquireSync(options)],
  ['Event', (options) => event.waitSync(options)],
  ['Latch', (options) => latch.waitSync(options)],
  ['Barrier', (options) => barrier.waitSync(options)],
  ['PosixSemaphore', (options) => posix.acquireSync(options)],
];

function waitInVain(round: number): VainWait {
  const [what, wait] = blocking[round % blocking.length] as (typeof blocking)[number];
  const timeoutMs = 5 + ((round * 7) % 40);
  const startMs = performance.now();
  try {
    const result = wait({ timeoutMs });
    const came = result !== undefined && result !== false;
    return { what, timeoutMs, tookMs: performance.now() - startMs, wrong: came ? 'it came' : undefined };
  } catch (error) {
    return { what, timeoutMs, tookMs: performance.now() - startMs, wrong: String(error) };
  }
}

process.on('SIGALRM', () => undefined);
process.once('message', () => {
  const waits = Array.from({ length: Number(rounds) }, (_, round) => waitInVain(round));
  process.send?.(waits, () => {
    process.exit(0);
  });
});
process.send?.('ready');
