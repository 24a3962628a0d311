import { once } from 'node:events';
import { Region } from '@ipc/shm';
import { partsOf, type Campaign, type CampaignOptions, type Findings } from '../campaign.ts';
import { CHANGES, ROUND, USES } from '../hostile-control.ts';
import { targets } from '../hostile.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** No use of a structure takes longer than some milliseconds; this long a silence is a loop without end, on any machine. */
const silenceMs = 30_000;
const parts = targets.map(({ name }) => name);

/** H3, H7: any bytes at all in a structure's memory: typed errors or wrong payloads; no crash, no other error, no endless loop. */
export const hostileMemory: Campaign = {
  name: 'hostile-memory',
  what: 'every structure is opened and used with bytes of its header and payload overwritten',
  rounds: 100_000,
  parts,
  async run(options) {
    const { structures, refused, violations } = await useDamaged(options, 'before');
    return { figure: `${options.rounds} uses of ${structures} structures, ${refused} refused`, violations };
  },
};

/** H4: the same, while it is used: what was checked a moment ago may be something else by now. */
export const scribbler: Campaign = {
  name: 'scribbler',
  what: 'another process flips bits of every structure, and single words to and fro, while it is used 50 ms a round',
  rounds: 12_000,
  parts,
  async run(options) {
    const { structures, uses, changes, refused, violations } = await useDamaged(options, 'meanwhile');
    const { rounds } = options;
    return {
      figure: `${uses} uses of ${structures} structures in ${rounds} rounds, ${changes} changes meanwhile; ${refused} rounds ended with a typed error`,
      violations,
    };
  },
};

interface Damage extends Pick<Findings, 'violations'> {
  readonly structures: number;
  /** Rounds that ended with a typed error. */
  readonly refused: number;
  readonly uses: number;
  readonly changes: number;
}

async function useDamaged(
  { rounds, random, only }: CampaignOptions,
  when: 'before' | 'meanwhile',
): Promise<Damage> {
  const name = campaignName(when === 'before' ? 'hostile' : 'scribbled');
  using control = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
  const seed = String(Math.floor(random() * 2 ** 30));
  const wanted = partsOf(targets, only);
  const choice = wanted.map((target) => target.name);
  const violations: string[] = [];
  let refused = 0;
  const scribbling = when === 'before' ? undefined : await startWorker('scribbler', name, seed, ...choice);
  try {
    for (let first = 0; first < rounds; first++) {
      const worker = await startWorker('hostile', name, seed, String(first), String(rounds), when, ...choice);
      worker.on('message', (message: string | { refused: number }) => {
        if (typeof message === 'string') violations.push(message);
        else refused += message.refused;
      });
      const exited = once(worker, 'exit');
      const watch = setInterval(() => {
        const round = Atomics.load(control.words, ROUND);
        if (round === first && round < rounds) worker.kill('SIGKILL');
        first = round;
      }, silenceMs);
      await exited;
      clearInterval(watch);
      await endWorker(worker);
      first = Atomics.load(control.words, ROUND);
      if (first === rounds) break;
      violations.push(
        `${choice[first % choice.length] ?? ''}, round ${first}: crashed, or hung for ${silenceMs} ms`,
      );
    }
  } finally {
    if (scribbling !== undefined) await endWorker(scribbling);
    for (const { kind } of wanted) Region.unlink(`${name}-${kind}`, kind);
  }
  return {
    structures: wanted.length,
    refused,
    uses: Atomics.load(control.words, USES),
    changes: Atomics.load(control.words, CHANGES),
    violations,
  };
}
