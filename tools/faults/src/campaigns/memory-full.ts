import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Campaign } from '../campaign.ts';

const worker = fileURLToPath(new URL('../workers/full-memory.js', import.meta.url));

/** H1: a full /dev/shm is an error at creation, and never a SIGBUS later. Needs the right to mount. */
export const memoryFull: Campaign = {
  name: 'memory-full',
  what: 'regions of 4 MiB in a /dev/shm of 1 MiB (unshare -m)',
  rounds: 1000,
  run({ rounds }) {
    const script = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$0" "$1" "$2"';
    const { status, signal, stdout, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', script, process.execPath, worker, String(rounds)],
      { encoding: 'utf8' },
    );
    if (status !== 0) {
      return Promise.resolve({
        figure: 'did not run',
        violations: [`status ${String(status)}, signal ${String(signal)}: ${stderr}`],
      });
    }
    const { refused, left } = JSON.parse(stdout) as { refused: number; left: number };
    const violations = [
      ...(refused === rounds ? [] : [`${rounds - refused} of ${rounds} were not refused with ERR_IPC_LIMIT`]),
      ...(left === 0 ? [] : [`${left} files were left behind`]),
    ];
    return Promise.resolve({
      figure: `${refused} of ${rounds} refused with ERR_IPC_LIMIT, 0 SIGBUS, ${left} files left`,
      violations,
    });
  },
};
