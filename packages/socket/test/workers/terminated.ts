/** A thread that listens, is connected, and waits until it is terminated: `terminated <name>`. */
import { parentPort } from 'node:worker_threads';
import { seqpacket, unix } from '@ipc/socket';

const [name = ''] = process.argv.slice(2);
const listeners = [await unix().listen(`${name}-stream`), await seqpacket().listen(`${name}-packets`)];
const channels = [await seqpacket().connect(`${name}-packets`), await listeners[1]?.accept()];
parentPort?.postMessage(channels.length);
await Promise.all(channels.map(async (channel) => channel?.receive()));
