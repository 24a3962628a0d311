/** Offers numbered messages to a queue, waits when it has to, and tells how often that was and how much its memory grew. */
import { openQueue } from '../queue-engines.ts';

const [engine = '', name = '', count = '0'] = process.argv.slice(2);
const rounds = Number(count);
const queue = openQueue(engine, name);
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
  if (queue.trySend(bytes)) continue;
  waits++;
  await queue.send(bytes);
}
process.send?.({ waits, grownMiB: Math.max(0, most - before) / 2 ** 20 });
queue.close();
process.disconnect();
