/**
 * Sends numbered messages over a channel without end, or receives them. Word 0 of the region counts what was flushed, or
 * received; word 1 says that something wrong was received.
 */
import { Region } from '@ipc/shm';
import { inherited } from '@ipc/pipe';
import { numbered, numberOf } from '../numbered.ts';
import { transportOf } from '../transports.ts';

const [role, kind = '', name = '', regionName = ''] = process.argv.slice(2);
const { words } = Region.open(regionName, { kind: 'faults' });
const channel = kind === 'anonymous pipe' ? inherited() : await transportOf(kind).connect(name);
await channel.send(new Uint8Array(0)); // it is there
for (let number = 0; ; number++) {
  if (role === 'send') {
    await channel.send(numbered(number));
    await channel.flush();
  } else {
    const message = await channel.receive();
    if (message === undefined || numberOf(message) !== number) Atomics.store(words, 1, 1);
  }
  Atomics.store(words, 0, number + 1);
}
