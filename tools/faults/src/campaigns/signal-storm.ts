import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Barrier, Event, Latch, Mutex, PosixSemaphore, RwLock, Semaphore } from '@ipc/sync';
import { times, type Campaign } from '../campaign.ts';
import type { VainWait } from '../vain-wait.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** L3: a signal that interrupts a blocking wait neither ends it, nor is an error, nor changes its time. */
export const signalStorm: Campaign = {
  name: 'signal-storm',
  what: 'SIGALRM about every millisecond to a process that blocks in seven kinds of lock until its time is over',
  rounds: 4000,
  async run({ rounds }) {
    const name = campaignName('storm');
    using mutex = Mutex.create(name);
    using semaphore = Semaphore.create(name);
    using rwLock = RwLock.create(name);
    // What stands for itself keeps its name after its last user.
    using _names: Disposable = {
      [Symbol.dispose]() {
        for (const kind of [Mutex, Semaphore, RwLock, Event, Latch, Barrier, PosixSemaphore])
          kind.unlink(name);
      },
    };
    using _held = mutex.acquireSync();
    using _permit = semaphore.acquireSync();
    using _writer = rwLock.exclusive.acquireSync();
    const worker = await startWorker('alarmed', name, String(rounds));
    const over = new AbortController();
    const outcome = Promise.race([
      once(worker, 'message', { signal: over.signal }).then(([waits]) => waits as readonly VainWait[]),
      once(worker, 'exit', { signal: over.signal }).then(([code, signal]) =>
        Promise.reject(new Error(`the worker ended with code ${String(code)}, signal ${String(signal)}`)),
      ),
    ]);
    let signals = 0;
    let isOver = false as boolean;
    const storm = async (): Promise<void> => {
      while (!isOver) {
        if (worker.kill('SIGALRM')) signals++;
        await setTimeout(1);
      }
    };
    worker.send('go');
    const stormy = storm();
    const waits = await outcome.finally(async () => {
      isOver = true;
      await stormy;
      over.abort();
      await endWorker(worker);
    });
    const violations = waits.flatMap(({ what, timeoutMs, tookMs, wrong }) => {
      const label = `${what}, ${timeoutMs} ms`;
      if (wrong !== undefined) return [`${label}: ${wrong}`];
      return tookMs < timeoutMs ? [`${label}: over after ${tookMs} ms`] : [];
    });
    const late = waits.map(({ timeoutMs, tookMs }) => tookMs - timeoutMs);
    return {
      figure: `${waits.length} waits, ${signals} signals; beyond their time ${times(late)}`,
      violations,
    };
  },
};
