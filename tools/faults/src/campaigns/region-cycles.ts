import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Campaign } from '../campaign.ts';
import { campaignName } from '../worker.ts';

const worker = fileURLToPath(new URL('../workers/region-cycles.js', import.meta.url));

/** L2: regions that were closed, dropped, or left by a terminated thread, leave nothing. */
export const regionCycles: Campaign = {
  name: 'region-cycles',
  what: 'regions opened in every way and closed, a tenth more dropped, and a thread terminated per thousand',
  rounds: 100_000,
  async run({ rounds }) {
    const args = ['--expose-gc', worker, String(rounds), campaignName('cycles')];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { before, after } = JSON.parse(stdout) as Record<'before' | 'after', Record<string, number>>;
    const words = (held: Record<string, number>): string =>
      Object.entries(held)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ');
    return {
      figure: `${rounds} cycles of 5 regions: before ${words(before)}; after ${words(after)}`,
      violations: Object.keys(before).filter((what) => (after[what] ?? 0) > (before[what] ?? 0)),
    };
  },
};
