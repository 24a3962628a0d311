/** What the processes of one run tell each other: where things are, and how far they are. */
import { json, withCodec, type Channel } from '@ipc/core';
import { inherited } from '@ipc/pipe';

/** Sent by main to each child, first thing, over its pipe. */
export interface Job {
  /** Every name of the run starts with it. */
  readonly id: string;
  readonly workers: number;
  /** How many files may be counted at the same time. */
  readonly permits: number;
}

/** Sent by a child over its pipe. */
export type Report = { readonly state: 'ready' } | { readonly state: 'done'; readonly files: number };

/** The names of a run's objects. */
export function namesOf({
  id,
}: Job): Record<'files' | 'texts' | 'table' | 'lock' | 'admission' | 'index', string> {
  return {
    files: `${id}-files`,
    texts: `${id}-texts`,
    table: `${id}-table`,
    lock: `${id}-lock`,
    admission: `${id}-admission`,
    index: `${id}-index`,
  };
}

export interface Assignment {
  readonly job: Job;
  /** The child's side of its pipe to main. */
  readonly main: Channel<Job | Report>;
  /** Aborted when main ends the run early: whoever waits with it takes its names away and goes. */
  readonly stopped: AbortSignal;
}

/** The job that comes over the pipe to main. */
export async function receiveJob(): Promise<Assignment> {
  const stop = new AbortController();
  process.once('SIGTERM', () => {
    stop.abort(new Error('main ended the run'));
  });
  const main = withCodec(inherited(), json<Job | Report>());
  const job = await main.receive();
  if (job === undefined || 'state' in job) throw new Error('main went away before it sent the job');
  return { job, main, stopped: stop.signal };
}
