/** Blocks its thread for what it does not get until the time is over, between two system calls that mark where. */
import { existsSync } from 'node:fs';
import { Event, FileLock, Mutex, PosixSemaphore, RwLock, Semaphore } from '@ipc/sync';

const [name = '', file = ''] = process.argv.slice(2);
const timeoutMs = 20;
const posix = PosixSemaphore.openOrCreate(name, { permits: 0 });
const [mutex, otherMutex] = [Mutex.openOrCreate(name), Mutex.openOrCreate(name)];
const [semaphore, otherSemaphore] = [Semaphore.openOrCreate(name), Semaphore.openOrCreate(name)];
const [lock, otherLock] = [RwLock.openOrCreate(name), RwLock.openOrCreate(name)];
const event = Event.openOrCreate(name);
const files = [new FileLock(file), new FileLock(file)] as const;
const held = [
  mutex.acquireSync(),
  semaphore.acquireSync(),
  lock.exclusive.acquireSync(),
  files[0].acquireSync(),
];

existsSync('/begin');
const came = [
  otherMutex.acquireSync({ timeoutMs }),
  otherSemaphore.acquireSync({ timeoutMs }),
  otherLock.shared.acquireSync({ timeoutMs }),
  event.waitSync({ timeoutMs }) || undefined,
  posix.acquireSync({ timeoutMs }) || undefined,
  files[1].acquireSync('exclusive', { timeoutMs }),
];
existsSync('/end');

for (const each of held) each?.release();
for (const each of [mutex, otherMutex, semaphore, otherSemaphore, lock, otherLock, event, posix, ...files])
  each.close();
PosixSemaphore.unlink(name);
process.exitCode = came.every((each) => each === undefined) ? 0 : 3;
