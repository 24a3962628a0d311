import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const processes = 64;
const patienceMs = 60_000;

/** C6: many processes open or create one name at once: one creates it, and nobody sees half of it. */
export const openRace: Campaign = {
  name: 'open-race',
  what: `${processes} processes openOrCreate one region at once`,
  rounds: 1000,
  async run({ rounds }) {
    const name = campaignName('race');
    const violations: string[] = [];
    using region = Region.create(name, { kind: 'faults', bytes: 8 * (rounds + 2) });
    const { words } = region;
    const workers = await Promise.all(
      Array.from({ length: processes }, () => startWorker('opener', name, String(rounds))),
    );
    const exits = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.send('go');
    for (let round = 1; round <= rounds; round++) {
      Atomics.store(words, 0, round);
      const startMs = performance.now();
      while (Atomics.load(words, 2 * round + 1) < processes && performance.now() - startMs < patienceMs)
        await setTimeout(0);
      const creators = Atomics.load(words, 2 * round);
      const attached = Atomics.load(words, 2 * round + 1);
      if (creators !== 1 || attached !== processes) {
        violations.push(`round ${round}: ${creators} creators, ${attached} of ${processes} attached`);
      }
      Region.unlink(`${name}-${round}`, 'faults');
    }
    if (violations.length === 0) await Promise.all(exits);
    for (const worker of workers) await endWorker(worker);
    Region.unlink(name, 'faults');
    return {
      figure: `${rounds} rounds of ${processes} processes: 1 creator and ${processes} attached in each`,
      violations,
    };
  },
};
