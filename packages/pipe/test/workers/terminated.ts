/** A thread that says when it is where its argument says, and waits there until it is terminated: `terminated <place> <name>`. */
import { parentPort } from 'node:worker_threads';
import { fifo, openFifoReceiver, openPipe } from '@ipc/pipe';

const [place = '', name = ''] = process.argv.slice(2);

/** The descriptor of an end that was given away. */
let given = -1;

const places: Record<string, () => Promise<unknown>> = {
  listening: async () => (await fifo().listen(name)).closed,
  connecting: () => fifo().connect(name),
  receiving: async () => (await openFifoReceiver(name)).receive(),
  /** It has raw ends, and has given one of them away: that is the process's, until it ends. */
  holding: () => {
    openPipe();
    given = openPipe().reader.release();
    return new Promise(() => setInterval(() => undefined, 10_000));
  },
};

const waiting = places[place]?.();
setImmediate(() => parentPort?.postMessage(given));
await waiting;
