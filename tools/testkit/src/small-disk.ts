/** Disks that are full: a tmpfs of a worker's own, in namespaces of its own, for which nobody needs to be root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isIpcError } from '@ipc/core';

/** As the root of a user namespace of its own, without rights over anything outside. */
const apart = ['--user', '--map-root-user', '--mount'];

/** Whether this system lets its users mount a tmpfs for themselves; where it does not, say so as the reason of a skip. */
export function mayMount(): boolean {
  const attempt = [...apart, 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp'];
  return spawnSync('unshare', attempt, { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a worker with a file system that is soon full: its runtime directory, which is its argument too.
 *
 * @param mountOptions - Of tmpfs(5): `size=64k`, `nr_inodes=8`.
 * @returns The lines it printed. @throws When it fails, with what it said.
 */
export function runOnSmallDisk(worker: URL, mountOptions: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-disk-'));
  const script = 'mount -t tmpfs -o "$3" tmpfs "$2" && exec "$0" "$1" "$2"';
  const args = [...apart, 'sh', '-c', script, process.execPath, fileURLToPath(worker), folder, mountOptions];
  try {
    const env = { ...process.env, XDG_RUNTIME_DIR: folder };
    return execFileSync('unshare', args, { encoding: 'utf8', env, timeout: 60_000 }).trim().split('\n');
  } finally {
    rmdirSync(folder); // what was on the disk has gone with its namespace
  }
}

/**
 * From a disk without room for one more file to one with enough of them: `call` fails with ERR_IPC_LIMIT and leaves nothing
 * until it can succeed.
 *
 * @returns How often it failed. @throws When it fails otherwise, or leaves a file.
 */
export async function fromFullToRoom(folder: string, call: () => Promise<unknown>): Promise<number> {
  const fillers: string[] = [];
  for (;;) {
    const filler = join(folder, `filler-${fillers.length}`);
    try {
      writeFileSync(filler, '');
    } catch {
      break;
    }
    fillers.push(filler);
  }
  for (let failures = 0; ; failures++) {
    try {
      await call();
      fillers.forEach(unlinkSync);
      return failures;
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_LIMIT')) throw error;
    }
    const left = readdirSync(folder);
    if (left.length > fillers.length) throw new Error(`left on a full disk: ${left.join(' ')}`);
    const filler = fillers.pop();
    if (filler === undefined) throw new Error('not even an empty disk has room');
    unlinkSync(filler);
  }
}
