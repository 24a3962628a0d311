/** Listens under a low limit of descriptors; tells what it is like to have none left, then answers and closes one by one. */
import { setTimeout } from 'node:timers/promises';
import type { Channel } from '@ipc/core';
import { dialUnix, unix } from '@ipc/socket';

const name = process.argv[2] ?? '';
const listener = await unix().listen(name);
const channels: Channel[] = [];
void (async () => {
  for await (const channel of listener) channels.push(channel);
})();
console.log('listening');

let before = -1;
while (channels.length === 0 || before !== channels.length) {
  before = channels.length;
  await setTimeout(100);
}
const cpuBefore = process.cpuUsage();
await setTimeout(500);
const { user, system } = process.cpuUsage(cpuBefore);
const error = await dialUnix(name).then(
  () => 'none',
  (failure: unknown) => (failure as NodeJS.ErrnoException).code,
);
console.log(JSON.stringify({ accepted: channels.length, cpu: (user + system) / 500_000, error }));

for (;;) {
  const channel = channels.shift();
  if (channel === undefined) {
    await setTimeout(10);
    continue;
  }
  const message = await channel.receive();
  if (message !== undefined) await channel.send(message);
  await channel.close();
}
