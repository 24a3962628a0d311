/** Offers numbered messages to a slow peer, waits when it has to, and tells how often that was and how much its memory grew. */
import { transportOf } from '../transports.ts';

const [kind = '', name = '', count = '0'] = process.argv.slice(2);
const rounds = Number(count);
const channel = await transportOf(kind).connect(name);
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve)); // its memory is limited now

const message = new Uint32Array(16);
const bytes = new Uint8Array(message.buffer);
let waits = 0;
let [before, most] = [Infinity, 0];
for (let offered = 0; offered < rounds; offered++) {
  if (offered === Math.floor(rounds / 10)) before = process.memoryUsage.rss();
  if (offered % 65_536 === 0) most = Math.max(most, process.memoryUsage.rss());
  message[0] = offered;
  if (channel.trySend(bytes)) continue;
  waits++;
  await channel.send(bytes);
}
await channel.flush({ delivery: 'received' });
process.send?.({ waits, grownMiB: Math.max(0, most - before) / 2 ** 20 });
await channel.close();
process.disconnect();
