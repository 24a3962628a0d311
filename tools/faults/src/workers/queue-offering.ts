/** Offers numbered messages to a queue with a slow receiver. */
import { offer } from '../offer.ts';
import { openQueue } from '../queue-engines.ts';

const [engine = '', name = '', count = '0'] = process.argv.slice(2);
const queue = openQueue(engine, name);
await offer(queue, Number(count));
queue.close();
process.disconnect();
