import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Assignment } from './peer.ts';

const peerProgram = fileURLToPath(new URL('./peer.js', import.meta.url));

/** So much of what a process says is kept. */
const mostComplaint = 2000;

/** One of the measured processes, as the bench has started it. */
export class CrewProcess {
  readonly index: number;
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #complaint = '';
  /** The bench has ended it. */
  #isKilled = false;

  /** @param onEnd - Called with how it has ended, or why it could not be started. */
  constructor(assignment: Assignment, onEnd: (how: string) => void) {
    this.index = assignment.index;
    this.#child = spawn(process.execPath, [peerProgram, JSON.stringify(assignment)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Sockets and FIFOs live here: they go with the directory, however the crew ends.
      env: { ...process.env, XDG_RUNTIME_DIR: assignment.directory },
    });
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => {
        this.#complaint = (this.#complaint + text).slice(-mostComplaint);
      });
    }
    this.#closed = once(this.#child, 'close').then(
      () => undefined,
      () => undefined, // it could not be started, which `onEnd` is told
    );
    this.#child.once('exit', (code, signal) => {
      onEnd(signal ?? `exit code ${String(code)}`);
    });
    this.#child.once('error', (error) => {
      onEnd(String(error));
    });
  }

  /** The last that it has said on its outputs. */
  get complaint(): string {
    return this.#complaint.trim();
  }

  /** How it came to its end, unless in peace or because the bench wanted it. */
  get death(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    if (this.#isKilled) return undefined;
    if (signalCode !== null) return signalCode;
    return exitCode === null || exitCode === 0 ? undefined : `exit code ${exitCode}`;
  }

  kill(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) this.#isKilled = this.#child.kill('SIGKILL');
  }

  /** After all that it has started, which hold its outputs. */
  ended(): Promise<void> {
    return this.#closed;
  }
}
