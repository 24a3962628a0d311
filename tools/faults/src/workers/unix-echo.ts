/** Sends back what comes, on every channel that connects. */
import type { Channel } from '@ipc/core';
import { unix } from '@ipc/socket';

const [name = ''] = process.argv.slice(2);
const listener = await unix().listen(name);
process.send?.('ready');
for await (const channel of listener) void echo(channel);

async function echo(channel: Channel): Promise<void> {
  try {
    for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
      if (!channel.trySend(message)) await channel.send(message);
      for (let next = channel.tryReceive(); next !== undefined; next = channel.tryReceive())
        if (!channel.trySend(next)) await channel.send(next);
    }
  } finally {
    await channel.close();
  }
}
