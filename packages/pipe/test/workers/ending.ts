/** Is in the middle of a send and a receive when it ends as it is told: argv is its kind of channel, and a name. */
import type { Channel } from '@ipc/core';
import { fifo, inherited, openFifoReceiver } from '@ipc/pipe';

const [kind, name = ''] = process.argv.slice(2);

async function open(): Promise<Channel> {
  return kind === 'fifo' ? fifo().connect(name) : inherited();
}

const channel = await open();
if (kind === 'receiver') await openFifoReceiver(name);

const flooding = (async () => {
  for (;;) await channel.send(new Uint8Array(30_000));
})();
flooding.catch(() => undefined);

const how = Buffer.from((await channel.receive()) ?? []).toString();
const waiting = channel.receive();
waiting.catch(() => undefined);
if (how === 'exit') process.exit(3);
if (how === 'reject') void Promise.reject(new Error('nobody handles this'));
else if (how === 'throw')
  setImmediate(() => {
    throw new Error('nobody catches this');
  });
else process.kill(process.pid, how);
await waiting;
