import { IpcError } from '@ipc/core';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Starts a server for this process alone. It dies with it, however that ends: the kernel sees to it.
 *
 * @throws {IpcError} ERR_IPC_UNSUPPORTED where it is not installed, or `setpriv` is not. Source: PR_SET_PDEATHSIG in prctl(2).
 */
export async function startServer(command: string, args: readonly string[]): Promise<{ stop(): void }> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: 'ignore' });
  const failed = (): IpcError =>
    new IpcError(
      'ERR_IPC_UNSUPPORTED',
      `${command} cannot be started: install it, and setpriv of util-linux`,
    );
  await once(child, 'spawn').catch(() => Promise.reject(failed()));
  // `setpriv` ends at once where there is no such command.
  const ended = once(child, 'exit').then(() => Promise.reject(failed()));
  ended.catch(() => undefined); // later it is no news
  await Promise.race([ended, delay(50)]);
  return {
    stop() {
      child.kill('SIGKILL');
    },
  };
}

/** Until the server answers: it has just been started. */
export async function untilItAnswers<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 200; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await delay(10);
    }
  }
}
