/** Leases messages of a queue and keeps them until it is killed. */
import { SharedQueue } from '@ipc/mq';
import { serveCommands } from '@ipc/testkit/peer';

const queue = SharedQueue.open(process.argv[2] ?? '');

serveCommands({
  async lease(count: number, leaseMs: number) {
    const numbers: number[] = [];
    for (let i = 0; i < count; i++) numbers.push((await queue.receive({ leaseMs })).bytes[0] ?? -1);
    return numbers;
  },
});
