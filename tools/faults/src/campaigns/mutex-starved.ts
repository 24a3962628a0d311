import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, constants, setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { times, type Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const patienceMs = 60_000;
const rivalsPerProcessor = 2;

/** C9: an owner that hardly ever gets a processor is not a dead one. */
export const mutexStarved: Campaign = {
  name: 'mutex-starved',
  what: 'the owner of a mutex, at the lowest priority among busy processes, is waited for',
  rounds: 100,
  async run({ rounds }) {
    const name = campaignName('starved');
    const violations: string[] = [];
    const waits: number[] = [];
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    // A lock that its last owner abandoned keeps its name, for the next to know.
    using _name: Disposable = { [Symbol.dispose]: () => void Mutex.unlink(name) };
    using mutex = Mutex.create(name);
    const worker = await startWorker('mutex-owner', name);
    const rivals = Array.from({ length: rivalsPerProcessor * availableParallelism() }, () =>
      spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
    );
    try {
      await Promise.all(rivals.map((rival) => once(rival, 'spawn')));
      setPriority(worker.pid ?? 0, constants.priority.PRIORITY_LOW);
      worker.send('go');
      for (let round = 0; round < rounds; round++) {
        while (Atomics.load(region.words, 0) !== worker.pid) await setTimeout(0);
        const startMs = performance.now();
        const held = mutex.acquireSync({ timeoutMs: patienceMs });
        waits.push(performance.now() - startMs);
        if (held === undefined) violations.push(`round ${round}: not handed on in ${patienceMs} ms`);
        else if (Atomics.load(region.words, 0) !== 0)
          violations.push(`round ${round}: taken from a starved owner`);
        if (held?.abandoned === true) violations.push(`round ${round}: a starved owner was declared dead`);
        held?.release();
      }
    } finally {
      for (const rival of rivals) await endWorker(rival);
      await endWorker(worker);
    }
    return {
      figure: `${rounds} waits for a starved owner, ${rivals.length} rivals: ${violations.length} false verdicts; waited ${times(waits)}`,
      violations,
    };
  },
};
