import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nowNs } from './clock.ts';
import type { VictimAssignment } from './victim.ts';

const program = fileURLToPath(new URL('./victim.js', import.meta.url));

/** Where a victim connects: a name of its own beside the one of the crew. */
export const victimName = (crewName: string): string => `${crewName}-victim`;

/** A process that will be killed, to see how long others take to notice. */
export interface Victim {
  /** Kills it with SIGKILL. Returns when that was, on the clock of `clock.ts`. */
  kill(): number;
  /** Waits until it is gone for good. */
  ended(): Promise<void>;
}

/**
 * Starts a victim.
 *
 * @returns It once it has done what it is for: it holds the lock, or has connected and sent one message.
 * @throws {Error} It ended before that.
 */
export async function startVictim(assignment: VictimAssignment): Promise<Victim> {
  const child = spawn(process.execPath, [program, JSON.stringify(assignment)], {
    // It ends with its standard input. The bench hears its complaints, and waits for it as for all who can utter some.
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(failed(child)))]);
  return {
    kill() {
      const timeNs = nowNs();
      child.kill('SIGKILL');
      return timeNs;
    },
    async ended() {
      await ended;
    },
  };
}

function failed({ exitCode, signalCode }: ChildProcess): Error {
  return new Error(
    `a victim ended with ${signalCode ?? `exit code ${String(exitCode)}`} before it was killed`,
  );
}
