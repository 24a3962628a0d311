/**
 * What taking and giving a free mutex costs in TypeScript, in one process: two compare-and-exchanges alone, the least class that hands
 * out a possession and takes it back, and `Mutex`. Medians of nine loops of two million pairs: `mutex-cost.mjs`.
 */
import { Mutex } from '@ipc/sync';

const rounds = 9;
const pairs = 2_000_000;
const words = new Int32Array(new SharedArrayBuffer(4));

class LeastMutex {
  acquire() {
    if (Atomics.compareExchange(words, 0, 0, 1) !== 0) throw new Error('it is taken');
    return new LeastHeld(this);
  }
  give() {
    if (Atomics.compareExchange(words, 0, 1, 0) !== 1) throw new Error('it is free');
  }
}

class LeastHeld {
  #mutex;
  constructor(mutex) {
    this.#mutex = mutex;
  }
  release() {
    this.#mutex.give();
  }
}

/** Each with a loop of its own, which V8 compiles for it alone. */
const loops = {
  'Atomics.compareExchange, twice'() {
    for (let i = 0; i < pairs; i++) {
      Atomics.compareExchange(words, 0, 0, 1);
      Atomics.compareExchange(words, 0, 1, 0);
    }
  },
  'the least class'() {
    const mutex = new LeastMutex();
    for (let i = 0; i < pairs; i++) mutex.acquire().release();
  },
  'Mutex: acquireSync, release'() {
    const mutex = Mutex.create(`mutex-cost-${process.pid}`);
    for (let i = 0; i < pairs; i++) mutex.acquireSync().release();
    mutex.close();
    Mutex.unlink(mutex.name);
  },
};

function nsEach(loop) {
  const begin = process.hrtime.bigint();
  loop();
  return Number(process.hrtime.bigint() - begin) / pairs;
}

const figures = Object.entries(loops).map(([name, loop]) => {
  const ns = Array.from({ length: rounds }, () => nsEach(loop)).sort((a, b) => a - b);
  return [name, { 'ns a pair': Number(ns[rounds >> 1].toFixed(1)) }];
});
console.table(Object.fromEntries(figures));
