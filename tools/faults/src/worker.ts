/** Worker processes that are there to be killed. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The file of one of `./workers`. */
export function workerProgram(name: string): string {
  return fileURLToPath(new URL(`./workers/${name}.js`, import.meta.url));
}

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
  const worker = fork(workerProgram(name), args, {
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

/** Some workers are always being started while the last ones are in use: starting takes far longer than dying. */
export class Workers implements AsyncDisposable {
  readonly #start: () => Promise<ChildProcess>;
  readonly #stock: Promise<ChildProcess>[];

  constructor(name: string, args: () => readonly string[], inStock = 1) {
    this.#start = () => startWorker(name, ...args());
    this.#stock = Array.from({ length: inStock }, this.#start);
  }

  take(): Promise<ChildProcess> {
    this.#stock.push(this.#start());
    return this.#stock.shift() as Promise<ChildProcess>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#stock) await endWorker(await worker);
  }
}

/** A name nobody else uses. */
export function campaignName(purpose: string): string {
  return `faults-${process.pid}-${purpose}`;
}
