/** A thread that says a word through a ring and then waits for one, until it is terminated: `ring-thread <name>`. */
import { ring } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const channel = await ring().connect(name);
await channel.send(Uint8Array.of(1));
await channel.receive();
