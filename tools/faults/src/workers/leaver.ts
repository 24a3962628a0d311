/** Holds a mutex while it waits for another one, or in a channel, in its main thread or in a worker thread; ends as it is told. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Mutex } from '@ipc/sync';
import { transportOf } from '../transports.ts';

const args = isMainThread ? process.argv.slice(2) : (workerData as string[]);
const [name = '', place = '', where = ''] = args;
let thread: Worker | undefined;

async function wait(): Promise<void> {
  Mutex.open(name).acquireSync();
  const other = Mutex.open(`${name}.other`);
  if (place === 'acquireSync') other.acquireSync();
  else if (place === 'acquire') await other.acquire();
  else {
    const channel = await transportOf(place).connect(`${name}.${place}`);
    await channel.send(Uint8Array.of(1)); // it is there
    await channel.receive();
  }
}

if (!isMainThread) {
  parentPort?.postMessage('ready');
  await wait();
} else {
  process.on('message', (end) => {
    if (end === 'exit') process.exit(0);
    if (end === 'throw') throw new Error('nobody catches this');
    void thread?.terminate().then(() => process.send?.('terminated'));
  });
  if (where === 'thread') {
    thread = new Worker(new URL(import.meta.url), { workerData: args });
    await once(thread, 'message');
    process.send?.('ready');
  } else {
    process.send?.('ready', () => void wait());
  }
}
