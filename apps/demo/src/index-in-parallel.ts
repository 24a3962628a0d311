import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isIpcError, json, utf8, withCodec, type Channel } from '@ipc/core';
import { PosixQueue } from '@ipc/mq';
import { spawnChild, type ExitStatus } from '@ipc/pipe';
import { unix } from '@ipc/socket';
import { Mutex, Semaphore } from '@ipc/sync';
import { namesOf, type Job, type Report } from './job.ts';
import type { WordCount } from './word-index.ts';
import { WordTable } from './word-table.ts';

export interface ParallelOptions {
  readonly workers: number;
  /** What every name of the run starts with. */
  readonly id?: string | undefined;
}

export interface ParallelResult {
  readonly index: readonly WordCount[];
  /** Files each worker counted. */
  readonly filesPerWorker: readonly number[];
}

/**
 * Builds the index with one reader, `workers` workers and a collector, each a process of its own.
 *
 * @throws When any of them fails; all are ended and every name is removed then too.
 */
export async function indexInParallel(
  paths: readonly string[],
  { workers, id = `demo-${process.pid}` }: ParallelOptions,
): Promise<ParallelResult> {
  const job: Job = { id, workers, permits: availableParallelism() };
  const names = namesOf(job);
  using queue = PosixQueue.create(names.files);
  using _name = disposable(() => void queue.unlink());
  using _table = WordTable.create(names.table);
  using _lock = Mutex.create(names.lock);
  using _admission = Semaphore.create(names.admission, { permits: job.permits });

  await using reader = await Role.start('reader');
  await reader.send(job);
  await reader.expect('ready');

  await using crew = new Crew();
  for (let i = 0; i < workers; i++) await crew.hire(job);

  const list = async (): Promise<void> => {
    for (const path of paths) await queue.send(utf8.encode(path));
    await queue.send(new Uint8Array(0)); // the end of the list
  };
  const work = Promise.all([reader.expect('done'), crew.done(), list()]);
  const [filesRead, filesPerWorker] = await Promise.race([work, reader.failure, crew.failure]);
  const counted = filesPerWorker.reduce((sum, files) => sum + files, 0);
  if (filesRead !== paths.length || counted !== paths.length) {
    throw new Error(`${paths.length} files were listed, ${filesRead} read, ${counted} counted`);
  }

  await using collector = await Role.start('collector');
  await collector.send(job);
  await collector.expect('ready');
  const index: WordCount[] = [];
  await using served = withCodec(await unix().connect(names.index), json<readonly WordCount[]>());
  for await (const words of served) index.push(...words);
  await collector.expect('done');
  return { index, filesPerWorker };
}

/** The workers; all of them end when one fails. */
class Crew implements AsyncDisposable {
  readonly #workers: Role[] = [];

  async hire(job: Job): Promise<void> {
    const worker = await Role.start('worker');
    this.#workers.push(worker);
    await worker.send(job);
  }

  get failure(): Promise<never> {
    return Promise.race(this.#workers.map((worker) => worker.failure));
  }

  /** The files each has counted, once all are done. */
  done(): Promise<number[]> {
    return Promise.all(this.#workers.map((worker) => worker.expect('done')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

function disposable(dispose: () => void): Disposable {
  return { [Symbol.dispose]: dispose };
}

/** A child process in one of the roles, and the pipe to it. */
class Role implements AsyncDisposable {
  /** Rejects when the process ends other than well; otherwise never settles. */
  readonly failure: Promise<never>;
  readonly #channel: Channel<Job | Report>;
  readonly #end: () => Promise<void>;

  private constructor(
    name: string,
    channel: Channel<Job | Report>,
    exited: Promise<ExitStatus>,
    end: () => Promise<void>,
  ) {
    this.#channel = channel;
    this.#end = end;
    this.failure = exited.then(({ code, signal }) => {
      if (code !== 0) throw new Error(`the ${name} ended with ${signal ?? `code ${String(code)}`}`);
      return new Promise<never>(() => undefined);
    });
    this.failure.catch(() => undefined); // whoever races for it is told
  }

  static async start(name: 'reader' | 'worker' | 'collector'): Promise<Role> {
    const file = fileURLToPath(new URL(`./roles/${name}.js`, import.meta.url));
    const child = await spawnChild(process.execPath, [file]);
    const channel = withCodec(child.channel, json<Job | Report>());
    return new Role(name, channel, child.exited, () => child[Symbol.asyncDispose]());
  }

  async send(job: Job): Promise<void> {
    await this.#orFailure(this.#channel.send(job));
  }

  /** Waits for the report; returns the files it tells of. */
  async expect(state: Report['state']): Promise<number> {
    const report = await this.#orFailure(this.#channel.receive());
    if (report === undefined || !('state' in report) || report.state !== state) {
      throw new Error(`expected a child to be ${state}, got ${JSON.stringify(report)}`);
    }
    return report.state === 'done' ? report.files : 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }

  /** How the process ended says more than that its pipe did. */
  #orFailure<T>(operation: Promise<T>): Promise<T> {
    return operation.catch((error: unknown) => {
      if (isIpcError(error, 'ERR_IPC_PEER_GONE')) return this.failure;
      throw error;
    });
  }
}
