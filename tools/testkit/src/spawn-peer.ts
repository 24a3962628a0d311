import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { linkToChild } from './peer-link.ts';
import { peerOf, type Peer } from './peer.ts';

/**
 * Starts a compiled worker file that calls `serveCommands` or `runPeer`.
 *
 * @param file - e.g. `new URL('../dist-test/workers/peer.js', import.meta.url)`.
 * @param args - For the worker's `process.argv`.
 */
export async function spawnPeer(file: URL, ...args: readonly string[]): Promise<Peer> {
  // Without execArgv: [] the child would inherit the test runner's own flags.
  const child = fork(fileURLToPath(file), args, {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return peerOf(child, linkToChild(child), fileURLToPath(file));
}
