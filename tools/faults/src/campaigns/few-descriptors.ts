import { spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { unix } from '@ipc/socket';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** What a listener may have open, and more connections than that. */
const [limit, connecting] = [64, 100];
/** Of a processor, while there is nothing it could accept. */
const mostBusy = 0.05;
const patienceMs = 30_000;

interface Full {
  readonly code: string;
  readonly accepted: number;
  readonly busy: number;
}

/** X2: a listener that runs out of descriptors does not spin, loses nobody, and is as before once there are some. */
export const fewDescriptors: Campaign = {
  name: 'few-descriptors',
  what: `${connecting} connections to a process that may have ${limit} descriptors (prlimit)`,
  rounds: 20,
  async run({ rounds }) {
    const name = campaignName('descriptors');
    const violations: string[] = [];
    let [busiest, fewest, answered] = [0, Infinity, 0];
    for (let round = 0; round < rounds; round++) {
      const worker = await startWorker('few-descriptors', name);
      try {
        const limited = spawnSync('prlimit', ['--pid', String(worker.pid), `--nofile=${limit}:${limit}`]);
        if (limited.status !== 0) throw new Error(`prlimit: ${String(limited.stderr)}`);
        const before = await openIn(worker);
        const channels = await Promise.all(Array.from({ length: connecting }, () => unix().connect(name)));
        await Promise.all(channels.map((channel, index) => channel.send(Uint8Array.of(index))));
        const { code, accepted, busy } = (await ask(worker, 'full')) as Full;
        if (code !== 'ERR_IPC_LIMIT') violations.push(`round ${round}: its own connect ended with ${code}`);
        if (busy > mostBusy)
          violations.push(`round ${round}: it spins, at ${busy.toFixed(2)} of a processor`);
        await ask(worker, 'answer');
        const signal = AbortSignal.timeout(patienceMs);
        for (const [index, channel] of channels.entries()) {
          const answer = await channel.receive({ signal });
          if (answer?.[0] === index) answered++;
          else violations.push(`round ${round}: connection ${index} has no answer`);
          await channel.close();
        }
        // Its last channels close once they have heard that their peers have.
        for (let tries = 0; tries < 100 && (await openIn(worker)) > before; tries++) await setTimeout(20);
        const left = (await openIn(worker)) - before;
        if (left > 0) violations.push(`round ${round}: ${left} descriptors left`);
        [busiest, fewest] = [Math.max(busiest, busy), Math.min(fewest, accepted)];
      } finally {
        await endWorker(worker);
      }
    }
    const all = rounds * connecting;
    return {
      figure: `${answered} of ${all} connections answered, ${fewest} and more of ${connecting} while the rest waited; then at most ${(100 * busiest).toFixed(1)} % of a processor`,
      violations,
    };
  },
};

async function openIn(worker: ChildProcess): Promise<number> {
  return ((await ask(worker, 'descriptors')) as { open: number }).open;
}

async function ask(worker: ChildProcess, command: string): Promise<unknown> {
  const answer = once(worker, 'message');
  worker.send(command);
  return ((await answer) as [unknown])[0];
}
