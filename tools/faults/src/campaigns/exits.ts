import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { isIpcError } from '@ipc/core';
import { Mutex } from '@ipc/sync';
import { times, type Campaign } from '../campaign.ts';
import { transports } from '../transports.ts';
import { campaignName, endWorker, startQuietWorker } from '../worker.ts';

const patienceMs = 30_000;
const promptMs = 1000;

/** What it may be in the middle of a receive of. */
const channels = ['ring', 'unix', 'seqpacket', 'tcp', 'fifo'] as const;

interface Leaving {
  /** What the process is in the middle of, besides holding a mutex. */
  readonly place: 'acquire' | 'acquireSync' | (typeof channels)[number];
  readonly where: 'main' | 'thread';
  readonly end: 'exit' | 'throw' | 'SIGTERM' | 'terminate';
}

function isPossible({ place, where, end }: Leaving): boolean {
  if (end === 'terminate') return where === 'thread';
  // Who blocks its main thread hears nothing but a signal.
  return where === 'thread' || place !== 'acquireSync' || end === 'SIGTERM';
}

const leavings: readonly Leaving[] = (['exit', 'throw', 'SIGTERM', 'terminate'] as const)
  .flatMap((end) =>
    (['acquire', 'acquireSync', ...channels] as const).flatMap((place) =>
      (['main', 'thread'] as const).map((where) => ({ place, where, end })),
    ),
  )
  .filter(isPossible);
/** Has no common divisor with their number: a few rounds see some of everything, as many as there are see all. */
const stride = 7;

const endings = {
  exit: [0, null],
  throw: [1, null],
  SIGTERM: [null, 'SIGTERM'],
  terminate: [0, null],
} as const;

/** Whether `promise` settles in time. */
async function inTime(promise: Promise<unknown>): Promise<boolean> {
  const patience = new AbortController();
  const late = setTimeout(patienceMs, false, { signal: patience.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    patience.abort();
  }
}

/** C10: a process ends in the middle of a call by its own will, or by that of others; it ends soon, and its peers go on. */
export const exits: Campaign = {
  name: 'exits',
  what: 'process.exit, an uncaught error, SIGTERM and worker.terminate() of a process that holds a mutex and waits in a lock or a channel',
  rounds: 4000,
  async run({ rounds }) {
    const name = campaignName('exits');
    const violations: string[] = [];
    const ends: number[] = [];
    const recoveries: number[] = [];
    // A lock that its last owner abandoned keeps its name, for the next to know.
    using _name: Disposable = { [Symbol.dispose]: () => void Mutex.unlink(name) };
    using mutex = Mutex.create(name);
    using other = Mutex.create(`${name}.other`);
    using kept = other.acquireSync();
    for (let round = 0; round < rounds && kept.isHeld; round++) {
      const { place, where, end } = leavings[(round * stride) % leavings.length] as Leaving;
      const complain = (what: string): void => {
        violations.push(`round ${round} (${end}, ${place} in ${where}): ${what}`);
      };
      const transport = place === 'acquire' || place === 'acquireSync' ? undefined : transports[place];
      await using listener = await transport?.listen(`${name}.${place}`);
      const accepted = listener?.accept();
      const worker = await startQuietWorker('leaver', name, place, where);
      await using channel = await accepted;
      await channel?.receive(); // it is in there
      const waits = (): boolean => other.waiters.some(({ pid }) => pid === worker.pid);
      while (mutex.owner?.pid !== worker.pid || (transport === undefined && !waits())) await setTimeout(1);

      const next = mutex.acquire({ signal: AbortSignal.timeout(patienceMs) });
      const received = channel?.receive({ signal: AbortSignal.timeout(patienceMs) });
      const exited = once(worker, 'exit');
      const startMs = performance.now();
      const note = (): void => void ends.push(performance.now() - startMs);
      if (end === 'SIGTERM') worker.kill(end);
      else worker.send(end);
      const [ended, told] = await Promise.all([
        inTime((end === 'terminate' ? once(worker, 'message') : exited).then(note)),
        next.then(
          (held) => {
            recoveries.push(performance.now() - startMs);
            held.release();
            return held.abandoned ? undefined : 'its peer was not told';
          },
          (error: unknown) => `its mutex was not handed on: ${String(error)}`,
        ),
        received?.then(
          () => {
            complain('it looks like one that has closed the channel');
          },
          (error: unknown) => {
            if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) complain(`the channel: ${String(error)}`);
          },
        ),
      ]);
      if (!ended) complain(`it has not ended after ${patienceMs} ms`);
      if (told !== undefined) complain(told);
      if (waits()) complain('it still stands among those who wait');
      if (ended && end === 'terminate') worker.send('exit');
      if (!ended || !(await inTime(exited))) await endWorker(worker);
      const [code, signal] = endings[end];
      if (worker.exitCode !== code || worker.signalCode !== signal)
        complain(`it ended with code ${worker.exitCode}, signal ${worker.signalCode}`);
    }
    const late = ends.filter((tookMs) => tookMs > promptMs).length;
    return {
      figure: `${rounds} ends of ${leavings.length} kinds, ${late} later than ${promptMs} ms; to the end ${times(ends)}; to the take-over ${times(recoveries)}`,
      violations,
    };
  },
};
