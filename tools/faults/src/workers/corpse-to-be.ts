/**
 * Is in the way of others in every way there is, until it is killed: holds a mutex, is the writer of a latest value,
 * and reads neither its broadcast nor its ring: `corpse-to-be <name>`.
 */
import { LatestWriter, ring, Subscriber } from '@ipc/shm';
import { Mutex } from '@ipc/sync';

const [name = ''] = process.argv.slice(2);
Mutex.openOrCreate(name).acquireSync();
LatestWriter.open(name, { maxBytes: 8, lifetime: 'while-open' });
const subscriber = Subscriber.open(name);
const channel = await ring().connect(name);
process.stdout.write('ready\n');
setInterval(() => [subscriber, channel], 1000); // stays alive, and holds them
