/** A thread that answers so many messages, each after a sleep, and has nothing else to do: `ring-woken <name> <messages>`. */
import { ring } from '@ipc/shm';

const [name = '', messages = ''] = process.argv.slice(2);
const channel = await ring({ spinUs: 0 }).connect(name);
for (let left = Number(messages); left > 0; left--) {
  const message = await channel.receive();
  if (message !== undefined) await channel.send(message);
}
