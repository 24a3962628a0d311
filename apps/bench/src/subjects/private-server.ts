import { IpcError } from '@ipc/core';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Starts a server for this process alone. It dies with it, however that ends: the kernel sees to it.
 *
 * @throws {IpcError} ERR_IPC_UNSUPPORTED where it is not installed, or `setpriv` is not. Source: PR_SET_PDEATHSIG in prctl(2).
 */
export async function startServer(command: string, args: readonly string[]): Promise<{ stop(): void }> {
  if (!isInstalled('setpriv') || !isInstalled(command)) {
    throw new IpcError(
      'ERR_IPC_UNSUPPORTED',
      `${command} cannot be started: install it, and setpriv of util-linux`,
    );
  }
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: 'ignore' });
  await once(child, 'spawn');
  return {
    stop() {
      child.kill('SIGKILL');
    },
  };
}

function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Until the server answers: it has just been started. */
export async function untilItAnswers<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 1000; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await delay(10);
    }
  }
}
