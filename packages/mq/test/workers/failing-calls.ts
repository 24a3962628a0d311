/** What may fail of queues, and the work that has to bear it; see `failEachCall`. */
import { constants } from 'node:os';
import { PosixQueue, SharedQueue, SysvQueue, type Queue } from '@ipc/mq';
import { failEachCall, namedMemoryFailures } from '@ipc/testkit/failing-calls';

const prefix = process.argv[2] ?? 'failing';
const { EACCES, EINVAL, EMFILE, ENOMEM, ENOSPC } = constants.errno;

/** Every way in and out, and waiting for what comes. */
async function use(queue: Queue): Promise<void> {
  const message = Uint8Array.of(7, 7, 7);
  queue.trySend(message);
  await queue.send(message, { priority: 1 });
  queue.sendSync(message);
  queue.trySendMany([message, message]);
  let count = queue.tryReceive() === undefined ? 0 : 1;
  if ((await queue.receive()).bytes[0] !== 7) throw new Error('not the message');
  queue.receiveSync();
  queue.drain(() => count++);
  if (count !== 3) throw new Error(`${count} of 3 were left`);
  await Promise.all([queue.receive(), queue.send(message)]);
}

/** The name goes whatever happens: what a queue holds outlives it. */
async function whileNamed(unlink: () => void, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    unlink();
  }
}

await failEachCall({
  prefix,
  failures: {
    mq_open: EMFILE,
    mq_send: ENOMEM,
    mq_receive: ENOMEM,
    mq_getattr: EINVAL,
    mq_unlink: EACCES,
    msgget: ENOSPC,
    msgsnd: ENOMEM,
    msgrcv: EACCES,
    msgctl: EACCES,
    ...namedMemoryFailures,
  },
  mayStay: (call) => call === 'unlink' || call === 'fcntl',
  work: {
    posix: (own) =>
      whileNamed(
        () => PosixQueue.unlink(`${prefix}-p`),
        () => use(own(PosixQueue.openOrCreate(`${prefix}-p`))),
      ),
    sysv: (own) =>
      whileNamed(
        () => SysvQueue.unlink(`${prefix}-v`),
        () => use(own(SysvQueue.openOrCreate(`${prefix}-v`))),
      ),
    shared: (own) =>
      whileNamed(
        () => SharedQueue.unlink(`${prefix}-s`),
        () => use(own(SharedQueue.openOrCreate(`${prefix}-s`, { capacityBytes: 1 << 16 }))),
      ),
  },
});
