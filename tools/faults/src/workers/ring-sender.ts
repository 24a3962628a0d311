/** Sends numbered messages without end; word 0 of the region counts those that were flushed. */
import { ring, Region } from '@ipc/shm';
import { numbered } from '../numbered.ts';

const [name = '', regionName = ''] = process.argv.slice(2);
const { words } = Region.open(regionName, { kind: 'faults' });
const channel = await ring().connect(name);
process.once('message', () => {
  void (async () => {
    for (let index = 0; ; index++) {
      await channel.send(numbered(index));
      await channel.flush();
      Atomics.store(words, 0, index + 1);
    }
  })();
});
process.send?.('ready');
