/** Sends back what comes, through the smallest of rings and without spinning: both sides sleep for nearly every message. */
import { ring } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const channel = await ring({ spinUs: 0 }).connect(name);
process.send?.('ready');
for await (const message of channel) await channel.send(message);
process.disconnect();
