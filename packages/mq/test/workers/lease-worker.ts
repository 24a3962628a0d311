/** Takes numbers under lease, writes each to another queue, acknowledges: until it is killed, at any step. */
import { SharedQueue } from '@ipc/mq';

const jobs = SharedQueue.open(process.argv[2] ?? '');
const results = SharedQueue.open(process.argv[3] ?? '');

process.send?.('up');
for (;;) {
  const message = await jobs.receive({ leaseMs: 600_000 });
  await results.send(message.bytes);
  message.acknowledge();
}
