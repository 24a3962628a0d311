import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Campaign, Findings } from '../campaign.ts';

const worker = fileURLToPath(new URL('../workers/pid-reuse.js', import.meta.url));

/** C8: the id of a dead owner is given to a stranger at once; what the owner held is taken over all the same. */
export const pidReuse: Campaign = {
  name: 'pid-reuse',
  what: 'the pid of a killed owner is taken by another process before anybody looks (as root: unshare, ns_last_pid)',
  rounds: 1000,
  async run({ rounds }) {
    const { stdout } = await promisify(execFile)('unshare', [
      '--pid',
      '--fork',
      '--mount-proc',
      process.execPath,
      worker,
      String(rounds),
    ]);
    const { reused, violations } = JSON.parse(stdout) as { reused: number } & Pick<Findings, 'violations'>;
    return {
      figure: `${rounds} owners killed, the pid of ${reused} in use again when they were missed`,
      violations,
    };
  },
};
