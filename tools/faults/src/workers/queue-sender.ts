/** Sends numbered messages to a queue without end; word 0 of the region counts those whose sending was over. */
import { SharedQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { numbered } from '../numbered.ts';

const [name = '', regionName = ''] = process.argv.slice(2);
const { words } = Region.open(regionName, { kind: 'faults' });
const queue = SharedQueue.open(name);
process.once('message', () => {
  void (async () => {
    for (let index = 0; ; index++) {
      await queue.send(numbered(index));
      Atomics.store(words, 0, index + 1);
    }
  })();
});
process.send?.('ready');
