/**
 * For a worker with `c/failing-calls.c` preloaded: does each piece of work again and again, each time with another system
 * call failing, until none is left to fail. What must not happen is a crash, a hang, an error that is none of ours, a
 * descriptor or file left.
 */
import { accessSync, fstatSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { isIpcError, runtimeDirectory, type Closable, type Receiver, type Sender } from '@ipc/core';

/** Does something, and hands over what it has opened as soon as that is open. */
export type Work = (own: Own) => Promise<void> | void;
export type Own = <E extends Closable | Disposable>(end: E) => E;

export interface FailingCallsOptions {
  /** Part of every name the work uses. */
  readonly prefix: string;
  /** By name, as `failing-calls.c` knows it: the errno it fails with. Not epoll_ctl: libuv ends the process when that fails. */
  readonly failures: Readonly<Record<string, number>>;
  readonly work: Readonly<Record<string, Work>>;
  /** Whether a file may stay when this call has failed. */
  readonly mayStay: (call: string, file: string) => boolean;
}

/** What structures in named shared memory call, and what each call fails with. */
export const namedMemoryFailures: FailingCallsOptions['failures'] = {
  open: constants.errno.EMFILE,
  posix_fallocate: constants.errno.ENOSPC,
  mmap: constants.errno.ENOMEM,
  linkat: constants.errno.ENOSPC,
  fchmod: constants.errno.EPERM,
  fcntl: constants.errno.ENOLCK,
  mkfifo: constants.errno.ENOSPC,
  unlink: constants.errno.EIO,
  close: constants.errno.EIO,
};

/** Runs it all, prints what `findFailures` reads, and ends the process. */
export async function failEachCall({ prefix, failures, work, mayStay }: FailingCallsOptions): Promise<never> {
  const findings: string[] = [];
  process.on('uncaughtException', (error, origin) =>
    findings.push(`${origin}: ${error.stack ?? String(error)}`),
  );
  const failed = new Set<string>();
  for (const [what, run] of Object.entries(work)) {
    const unharmed = await attempt(run); // what Node opens at first use is open from here on
    if (unharmed !== 'success') throw unharmed;
    for (const [call, errno] of Object.entries(failures)) {
      for (let n = 1; ; n++) {
        const before = held(prefix);
        arm(call, n, errno);
        const outcome = await attempt(run);
        const hit = disarm();
        if (outcome === 'success' && !hit) break;
        failed.add(call);
        const label = `${what}, ${call} ${n}`;
        if (outcome !== 'success' && !isIpcError(outcome))
          findings.push(`${label}: ${outcome instanceof Error ? String(outcome.stack) : String(outcome)}`);
        const left = held(prefix).filter(
          (each) => !before.includes(each) && (each.startsWith('descriptor') || !mayStay(call, each)),
        );
        if (left.length > 0) findings.push(`${label} leaves ${left.join(', ')}`);
        if (n > 500) {
          findings.push(`${label}: no end`);
          break;
        }
      }
    }
  }
  const neverMade = Object.keys(failures).filter((call) => !failed.has(call));
  console.log(JSON.stringify({ neverMade, findings }));
  process.exit();
}

/** Does the work, then closes whatever it has opened. */
async function attempt(run: Work): Promise<unknown> {
  const open: (Closable | Disposable)[] = [];
  const finished = async (): Promise<unknown> => {
    try {
      await run((end) => {
        open.push(end);
        return end;
      });
      return 'success';
    } catch (error) {
      return error;
    } finally {
      await Promise.allSettled(open.map(close));
    }
  };
  const outcome = await Promise.race([finished(), setTimeout(10_000, 'a hang')]);
  await new Promise((resolve) => setImmediate(resolve)); // libuv lets go of a watch in the next turn
  return outcome;
}

async function close(end: Closable | Disposable): Promise<void> {
  if (Symbol.dispose in end) end[Symbol.dispose]();
  else await end.close({ signal: AbortSignal.timeout(100) });
}

/** Both ends of one meeting: when one fails, the other does not wait for ever. */
export async function meet<Near extends Closable, Far extends Closable>(
  own: Own,
  near: (signal: AbortSignal) => Promise<Near>,
  far: (signal: AbortSignal) => Promise<Far>,
): Promise<[near: Near, far: Far]> {
  const abort = new AbortController();
  const step = async <E extends Closable>(met: Promise<E>): Promise<E> => {
    try {
      return own(await met);
    } catch (error) {
      abort.abort(error);
      throw error;
    }
  };
  const [one, other] = await Promise.allSettled([step(near(abort.signal)), step(far(abort.signal))]);
  if (one.status === 'rejected') throw one.reason;
  if (other.status === 'rejected') throw other.reason;
  return [one.value, other.value];
}

/** Sends a message of each size, and checks that it arrives, unless the sender's end comes first. */
export async function exchange(sender: Sender, receiver: Receiver, sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    const sent = sender.send(new Uint8Array(size).fill(7)).then(() => sender.flush());
    const received = receiver.receive();
    const failure = Promise.race([sender.closed, receiver.closed]).then((error) => {
      if (error !== undefined) throw error;
      return received;
    });
    const message = await Promise.race([received, failure, sent.then(() => received)]);
    await sent;
    if (message?.length !== size) throw new Error(`a message of ${message?.length ?? -1} bytes, not ${size}`);
  }
}

function arm(call: string, n: number, errno: number): void {
  accessSync(`/failing-call/${call}/${n}/${errno}`);
}

/** Whether the call that was to fail has been made. */
function disarm(): boolean {
  try {
    accessSync('/failing-call/');
    return true;
  } catch {
    return false;
  }
}

/** Open descriptors, found without opening one, and our names. */
function held(prefix: string): string[] {
  const all: string[] = [];
  for (let fd = 0; fd < 256; fd++) {
    try {
      const { ino } = fstatSync(fd);
      all.push(`descriptor ${fd} (inode ${ino})`);
    } catch {
      // closed
    }
  }
  const names = [runtimeDirectory(), '/dev/shm'].flatMap((folder) => readdirSync(folder));
  return [...all, ...names.filter((name) => name.includes(prefix))];
}
