/** What a watch does to its process and its thread; each scenario ends with exit code 0. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { READABLE, WRITABLE, close, pipe, read, watch, write, type Watch } from '@ipc/native';

const byte = new Uint8Array(1);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const scenarios: Record<string, () => Promise<void> | void> = {
  throws() {
    const [reader, writer] = pipe();
    const watched = watch(reader, () => {
      read(reader, byte, 0, 1);
      throw new Error('from the callback');
    });
    watched.update(READABLE);
    write(writer, byte, 0, 1);
    process.on('uncaughtException', (error) => {
      assert.equal(error.message, 'from the callback');
      process.exit(0);
    });
    process.exitCode = 1;
  },

  unref() {
    const [reader] = pipe();
    const watched = watch(reader, () => undefined);
    watched.update(READABLE);
    process.exitCode = 1;
    setTimeout(() => {
      process.exitCode = 0; // still here: the watch kept it alive
      watched.unref();
    }, 20).unref();
  },

  stopped() {
    const [reader] = pipe();
    const watched = watch(reader, () => undefined);
    watched.update(READABLE);
    watched.update(0);
  },

  async collect() {
    const gc = globalThis.gc;
    assert(gc);
    const references: WeakRef<Watch>[] = [];
    let calls = 0;
    const [reader, writer] = pipe();
    (() => {
      // The callback refers to its own watch: a cycle that must not keep it alive.
      const stopped: Watch = watch(reader, () => {
        stopped.close();
      });
      stopped.update(READABLE);
      stopped.update(0);
      references.push(new WeakRef(stopped));
    })();
    const [secondReader, secondWriter] = pipe();
    (() => {
      const waiting: Watch = watch(secondReader, () => {
        calls++;
        waiting.close();
      });
      waiting.update(READABLE);
      references.push(new WeakRef(waiting));
    })();
    for (let i = 0; i < 10; i++) {
      await nextTurn();
      gc();
    }
    assert.equal(references[0]?.deref(), undefined);
    assert(references[1]?.deref());
    write(secondWriter, byte, 0, 1);
    await nextTurn();
    await nextTurn();
    assert.equal(calls, 1);
    for (let i = 0; i < 10; i++) {
      await nextTurn();
      gc();
    }
    assert.equal(references[1]?.deref(), undefined);
    for (const fd of [reader, writer, secondReader, secondWriter]) close(fd);
  },

  exit() {
    const [, writer] = pipe();
    watch(writer, () => process.exit(0)).update(WRITABLE);
    process.exitCode = 1;
  },

  async threads() {
    for (const how of ['end', 'exit', 'terminate', 'busy', 'throw']) {
      for (let i = 0; i < 5; i++) {
        const worker = new Worker(new URL(import.meta.url), { workerData: how });
        const ended = once(worker, how === 'throw' ? 'error' : 'exit');
        if (how === 'terminate' || how === 'busy') {
          await once(worker, 'message');
          await worker.terminate();
        }
        await ended;
      }
    }
  },

  async many() {
    const before = readdirSync('/proc/self/fd').length;
    const [reader, writer] = pipe();
    for (let i = 0; i < 10_000; i++) {
      const watched = watch(reader, () => undefined);
      for (let j = 0; j < 5; j++) {
        watched.update(READABLE);
        watched.update(0);
      }
      if (i % 2 === 0) watched.close();
      if (i % 100 === 0) await nextTurn();
    }
    globalThis.gc?.();
    await nextTurn();
    close(reader);
    close(writer);
    assert.equal(readdirSync('/proc/self/fd').length, before);
  },
};

/** In a worker thread: live watches, then an end of some kind. */
function thread(how: string): void {
  const [reader] = pipe();
  const [, writer] = pipe();
  watch(reader, () => undefined); // never used
  const reading = watch(reader, () => undefined);
  reading.update(READABLE);
  const writing = watch(writer, () => {
    writing.update(0);
    parentPort?.postMessage('running');
    if (how === 'busy') for (;;);
    if (how === 'exit') process.exit(0);
    if (how === 'throw') throw new Error('in a thread');
    if (how === 'end') reading.unref();
  });
  writing.update(WRITABLE);
}

if (isMainThread) await scenarios[process.argv[2] ?? '']?.();
else thread(workerData as string);
