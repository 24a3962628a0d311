import { once } from 'node:events';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { targets } from '../hostile.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** No use of a structure takes longer than some milliseconds; this long a silence is a loop without end. */
const silenceMs = 10_000;

/** H3, H7: any bytes at all in a structure's memory: typed errors or wrong payloads; no crash, no other error, no endless loop. */
export const hostileMemory: Campaign = {
  name: 'hostile-memory',
  what: 'every structure is opened and used with bytes of its header and payload overwritten',
  rounds: 100_000,
  async run({ rounds, random }) {
    const name = campaignName('hostile');
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    const seed = Math.floor(random() * 2 ** 30);
    const violations: string[] = [];
    let refused = 0;
    for (let first = 0; first < rounds;) {
      const worker = await startWorker('hostile', name, String(seed), String(first), String(rounds));
      worker.on('message', (message: string | { refused: number }) => {
        if (typeof message === 'string') violations.push(message);
        else refused += message.refused;
      });
      const exited = once(worker, 'exit');
      const watch = setInterval(() => {
        const round = Atomics.load(region.words, 0);
        if (round === first && round < rounds) worker.kill('SIGKILL');
        first = round;
      }, silenceMs);
      await exited;
      clearInterval(watch);
      await endWorker(worker);
      first = Atomics.load(region.words, 0);
      if (first === rounds) break;
      const { name: target = '' } = targets[first % targets.length] ?? {};
      violations.push(`${target}, round ${first}: crashed, or hung for ${silenceMs} ms`);
      first++;
    }
    for (const { kind } of targets) Region.unlink(`${name}-${kind}`, kind);
    return { figure: `${rounds} uses of ${targets.length} structures, ${refused} refused`, violations };
  },
};
