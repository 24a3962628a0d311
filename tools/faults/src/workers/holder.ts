/** Holds a mutex, and is the writer of a latest value, until it is killed. */
import { LatestWriter } from '@ipc/shm';
import { Mutex } from '@ipc/sync';

const [name = ''] = process.argv.slice(2);
LatestWriter.open(name, { maxBytes: 8 });
Mutex.openOrCreate(name).acquireSync();
process.on('message', () => undefined); // stays
process.send?.('ready');
