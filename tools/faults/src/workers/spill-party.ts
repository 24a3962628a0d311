/** Sends to, or receives from, a POSIX queue whose longer messages spill, without end; counts in a region what it has done. */
import { PosixQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { numbered, numberOf } from '../numbered.ts';

const [role, queueName = '', regionName = '', spillBytes] = process.argv.slice(2);
const queue = PosixQueue.open(queueName, { spillBytes: Number(spillBytes) });
const { words } = Region.open(regionName, { kind: 'faults' });
process.once('message', () => {
  for (let number = 0; ; number++) {
    if (role === 'send') queue.sendSync(numbered(number));
    else if (numberOf(queue.receiveSync()?.bytes ?? new Uint8Array(0)) !== number) Atomics.store(words, 1, 1);
    Atomics.store(words, 0, number + 1);
  }
});
process.send?.('ready');
