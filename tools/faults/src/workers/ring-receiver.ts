/** Connects and reads nothing: whoever sends waits for room. */
import { ring } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const channel = await ring().connect(name);
process.send?.('ready');
setInterval(() => channel.bufferedBytes, 1000); // stays alive, and holds the channel
