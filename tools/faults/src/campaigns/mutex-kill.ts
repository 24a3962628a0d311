import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { times, type Campaign } from '../campaign.ts';
import { campaignName, Workers } from '../worker.ts';

const patienceMs = 5000;

/** C1: the owner of a mutex is killed; who waits for it gets it at once, and is told. */
export const mutexKill: Campaign = {
  name: 'mutex-kill',
  what: 'kill -9 of a process that takes and gives a mutex, at a random moment; a blocked waiter takes over',
  rounds: 1000,
  async run({ rounds, random }) {
    const name = campaignName('mutex');
    const violations: string[] = [];
    const recoveries: number[] = [];
    let inside = 0;
    let told = 0;
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    // A lock that its last owner abandoned keeps its name, for the next to know.
    using _name: Disposable = { [Symbol.dispose]: () => void Mutex.unlink(name) };
    using mutex = Mutex.create(name);
    await using workers = new Workers('mutex-owner', () => [name]);
    for (let round = 0; round < rounds; round++) {
      const worker = await workers.take();
      const exited = once(worker, 'exit');
      worker.send('go');
      while (Atomics.load(region.words, 0) !== worker.pid) await setTimeout(0);
      await setTimeout(random() * 3);
      const killedAt = performance.now();
      worker.kill('SIGKILL');
      const held = mutex.acquireSync({ timeoutMs: patienceMs });
      const tookMs = performance.now() - killedAt;
      if (held === undefined) {
        violations.push(`round ${round}: not taken over in ${patienceMs} ms`);
        await exited;
        continue;
      }
      // Whether the worker was dead by then, or had just released, only `abandoned` tells.
      await exited;
      const wasInside = Atomics.exchange(region.words, 0, 0) !== 0;
      if (held.abandoned) told++;
      if (wasInside) inside++;
      if (wasInside && !held.abandoned)
        violations.push(`round ${round}: an owner died inside and nobody was told`);
      if (held.abandoned) recoveries.push(tookMs);
      held.release();
    }
    return {
      figure: `${rounds} kills, ${inside} inside, ${told} told as abandoned; from kill to take-over ${times(recoveries)}`,
      violations,
    };
  },
};
