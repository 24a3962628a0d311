import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { nowNs } from './clock.ts';
import { pinThread } from './pin.ts';
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

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Victims in stock: starting one takes a processor for a tenth of a second, so as many start at once as there are
 * processors, and nothing is timed meanwhile.
 */
export class Victims {
  readonly #assignment: VictimAssignment;
  #stock: Child[] = [];

  constructor(assignment: VictimAssignment) {
    this.#assignment = assignment;
  }

  /**
   * @param places - The processors of each process of the crew: the caller's first, then those that the victim gets.
   * @returns One that has done what it is for: it holds the lock, or has connected and sent one message.
   * @throws {Error} It ended before that.
   */
  async next(places: readonly (readonly number[])[]): Promise<Victim> {
    if (this.#stock.length === 0) this.#stock = await this.#start(places);
    const child = this.#stock.pop();
    if (child === undefined) throw new RangeError('a victim needs a processor');
    const ended = once(child, 'exit');
    child.stdin.write(JSON.stringify(places[1] ?? []));
    await answer(child);
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

  /** Those in stock end. */
  close(): void {
    for (const child of this.#stock) child.stdin.end();
  }

  /** A child may run where the thread may that starts it: meanwhile everywhere. */
  async #start(places: readonly (readonly number[])[]): Promise<Child[]> {
    const everywhere = [...new Set(places.flat())];
    pinThread(everywhere);
    const children = everywhere.map(() =>
      spawn(process.execPath, [program, JSON.stringify(this.#assignment)], {
        // It ends with its standard input. The bench hears its complaints, and waits for it as for all who can utter some.
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    pinThread(places[0] ?? everywhere);
    await Promise.all(children.map(answer));
    return children;
  }
}

/** Waits until it says that it has come a step further. */
async function answer(child: Child): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([
      once(child.stdout, 'data', { signal }),
      once(child, 'exit', { signal }).then(() => Promise.reject(failed(child))),
    ]);
  } finally {
    settled.abort();
  }
}

function failed({ exitCode, signalCode }: Child): Error {
  return new Error(
    `a victim ended with ${signalCode ?? `exit code ${String(exitCode)}`} before it was killed`,
  );
}
