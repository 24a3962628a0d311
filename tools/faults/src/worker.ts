/** Worker processes that are there to be killed. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts one of `./workers`, and waits until it says that it is ready. */
export function startWorker(name: string, ...args: readonly string[]): Promise<ChildProcess> {
  return start(name, args, 'inherit');
}

/** One whose last words nobody need read: it fails on purpose. */
export function startQuietWorker(name: string, ...args: readonly string[]): Promise<ChildProcess> {
  return start(name, args, 'ignore');
}

async function start(
  name: string,
  args: readonly string[],
  stderr: 'inherit' | 'ignore',
): Promise<ChildProcess> {
  const worker = fork(fileURLToPath(new URL(`./workers/${name}.js`, import.meta.url)), args, {
    execArgv: [],
    stdio: ['ignore', 'inherit', stderr, 'ipc'],
  });
  await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(([code]) => {
      throw new Error(`worker ${name} ended with code ${String(code)} before it was ready`);
    }),
  ]);
  return worker;
}

/** Kills it and waits until it is gone. */
export async function endWorker(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const exited = once(worker, 'exit');
  worker.kill('SIGKILL');
  await exited;
}

/** One worker is always being started while the last one is in use: starting takes far longer than dying. */
export class Workers implements AsyncDisposable {
  readonly #start: () => Promise<ChildProcess>;
  #next: Promise<ChildProcess>;

  constructor(name: string, args: () => readonly string[]) {
    this.#start = () => startWorker(name, ...args());
    this.#next = this.#start();
  }

  async take(): Promise<ChildProcess> {
    const worker = await this.#next;
    this.#next = this.#start();
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endWorker(await this.#next);
  }
}

/** A name nobody else uses. */
export function campaignName(purpose: string): string {
  return `faults-${process.pid}-${purpose}`;
}
