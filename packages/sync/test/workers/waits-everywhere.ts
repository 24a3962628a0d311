/** Waits for every kind of lock on an event loop, and reads a file meanwhile; prints what came first. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Barrier,
  Condition,
  Event,
  FileLock,
  Latch,
  Lease,
  Mutex,
  Once,
  PosixSemaphore,
  RwLock,
  Semaphore,
} from '@ipc/sync';

const [name = ''] = process.argv.slice(2);
const [mutex, fair, other] = [
  Mutex.openOrCreate(name),
  Mutex.openOrCreate(`${name}.fair`, { fair: true }),
  Mutex.openOrCreate(`${name}.other`),
];
const readers = RwLock.openOrCreate(name);
const semaphore = Semaphore.openOrCreate(name);
const leases = [Lease.openOrCreate(name), Lease.openOrCreate(name)] as const;
const once = [Once.openOrCreate(name), Once.openOrCreate(name)] as const;
const posix = PosixSemaphore.openOrCreate(name, { permits: 0 });
const path = join(tmpdir(), name);
const files = [new FileLock(path), new FileLock(path)] as const;

const held = [
  mutex.acquireSync(),
  fair.acquireSync(),
  readers.exclusive.acquireSync(),
  semaphore.acquireSync(),
  await leases[0].campaign(),
  files[0].acquireSync(),
];
const never = new Promise<void>(() => undefined);
void once[0].run(() => never);
const inside = other.acquireSync();

const waiting: readonly Promise<unknown>[] = [
  mutex.acquire(),
  fair.acquire(),
  readers.shared.acquire(),
  readers.exclusive.acquire(),
  semaphore.acquire(),
  leases[1].campaign(),
  once[1].run(() => undefined),
  Condition.openOrCreate(name).wait(other, inside),
  Event.openOrCreate(name).wait(),
  Latch.openOrCreate(name, { count: 1 }).wait(),
  Barrier.openOrCreate(name, { parties: 2 }).wait(),
  posix.acquire(),
  files[1].acquire(),
];
await new Promise((resolve) => setImmediate(resolve)); // all sleep
const first = await Promise.race([
  ...waiting.map((wait) => wait.then(() => 'a wait')),
  readFile('/proc/self/stat').then(() => 'the file'),
]);
console.log(JSON.stringify({ waiting: waiting.length, first, held: held.length }));
PosixSemaphore.unlink(name);
process.exit();
