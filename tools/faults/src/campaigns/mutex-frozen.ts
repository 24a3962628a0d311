import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** C9: a frozen owner is not a dead one. */
export const mutexFrozen: Campaign = frozen('mutex-frozen', 300, 50);

/** The same, for longer than anything here waits before it looks again. */
export const mutexFrozenLong: Campaign = frozen('mutex-frozen-long', 5000, 20);

/** The same, for as long as somebody takes to look at a stopped process in a debugger. */
export const mutexFrozenMinute: Campaign = frozen('mutex-frozen-minute', 60_000, 2);

function frozen(campaign: string, frozenMs: number, usualRounds: number): Campaign {
  return {
    name: campaign,
    what: `SIGSTOP of the owner of a mutex for ${frozenMs} ms while another waits`,
    rounds: usualRounds,
    async run({ rounds }) {
      const name = campaignName('frozen');
      const violations: string[] = [];
      let inside = 0;
      using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
      // A lock that its last owner abandoned keeps its name, for the next to know.
      using _name: Disposable = { [Symbol.dispose]: () => void Mutex.unlink(name) };
      using mutex = Mutex.create(name);
      const worker = await startWorker('mutex-owner', name);
      worker.send('go');
      for (let round = 0; round < rounds; round++) {
        while (Atomics.load(region.words, 0) !== worker.pid) await setTimeout(0);
        worker.kill('SIGSTOP');
        const isInside = (): boolean => Atomics.load(region.words, 0) !== 0;
        await setTimeout(5); // the signal takes its time
        const held = mutex.acquireSync({ timeoutMs: frozenMs });
        if (isInside()) inside++;
        if (isInside() && held !== undefined) violations.push(`round ${round}: taken from a frozen owner`);
        if (held?.abandoned === true) violations.push(`round ${round}: a frozen owner was declared dead`);
        held?.release();
        worker.kill('SIGCONT');
        const after = mutex.acquireSync({ timeoutMs: 5000 });
        if (after === undefined) violations.push(`round ${round}: not handed on by an owner that goes on`);
        if (after?.abandoned === true) violations.push(`round ${round}: a live owner was declared dead`);
        after?.release();
      }
      const exited = once(worker, 'exit');
      await endWorker(worker);
      await exited.catch(() => undefined);
      return { figure: `${rounds} freezes, ${inside} inside the lock: 0 false verdicts`, violations };
    },
  };
}
