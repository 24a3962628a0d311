/** Sends a message that spills, and dies by SIGKILL once its payload is in shared memory and nothing is in the queue. */
import { PosixQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';

const create = Region.create.bind(Region);
Region.create = (...how) => {
  create(...how);
  process.kill(process.pid, 'SIGKILL');
  for (;;); // until it is delivered
};

PosixQueue.open(process.argv[2] ?? '', { spillBytes: 1_000_000 }).trySend(new Uint8Array(100_000));
