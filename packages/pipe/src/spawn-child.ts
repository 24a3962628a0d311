/** Child processes with channels beside, or instead of, their stdio. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fromErrno } from '@ipc/core';
import { ANNOUNCEMENT } from './announcement.ts';
import type { ChannelSpec, ChannelSpecs, EndOf, EndsOf, TwoWaySpec } from './channel-spec.ts';
import { DescriptorTable } from './descriptor-table.ts';

export interface SpawnChildOptions<C extends ChannelSpecs> {
  /** By name; the name is what the child passes to `inherited`. @default one two-way channel, `main` */
  readonly channels?: C | undefined;
  readonly cwd?: string | URL | undefined;
  /** @default this process's own */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What becomes of standard output and error where no channel is: shown here, or dropped. Input is empty. @default 'inherit' */
  readonly stdio?: 'inherit' | 'ignore' | undefined;
}

/** How a process ended: by itself, with a code, or by a signal. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process and this side's ends of its channels. */
export interface Child<C extends ChannelSpecs> extends AsyncDisposable {
  readonly pid: number;
  /** Node's own handle, for what is not here. */
  readonly process: ChildProcess;
  readonly channels: EndsOf<C>;
  /** `channels.main`. */
  readonly channel: C extends { readonly main: infer Main extends ChannelSpec } ? EndOf<Main> : undefined;
  /** Settles when the process has ended. It says what the end of a `lines` or `bytes` channel cannot: whether that was success. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal and waits for the end. @default SIGTERM */
  kill(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** Flushes and closes the channels, then waits for the child to end by itself. */
  close(): Promise<ExitStatus>;
  /** Closes the channels, giving up on flushing after two seconds, and ends the child: SIGTERM, after two seconds SIGKILL. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long a child that is disposed of may take to read what was sent, and to end on SIGTERM. */
const GRACE_MS = 2_000;

/**
 * Starts a program with pipes to it and back.
 *
 * The child's descriptors are blocking, as any program expects; the child calls `inherited` to speak frames on the
 * event loop. No other process inherits the parent's ends, so the end of a channel means the child closed it or ended.
 *
 * @param command - As of `node:child_process`: a path, or a name looked up in PATH. No shell.
 * @throws {TypeError} Wrong options; two channels with the same descriptor. @throws {RangeError} Limits.
 * @throws {IpcError} ERR_IPC_NOT_FOUND: no such program or folder. ERR_IPC_PERMISSION. ERR_IPC_LIMIT: no descriptors
 *   or processes left. Nothing is left behind then.
 * Cost: two descriptors here for a two-way channel, one for a one-way channel, beside the process itself.
 */
export async function spawnChild<const C extends ChannelSpecs = { readonly main: TwoWaySpec }>(
  command: string,
  args: readonly string[] = [],
  { channels, cwd, env = process.env, stdio = 'inherit' }: SpawnChildOptions<C> = {},
): Promise<Child<C>> {
  const table = new DescriptorTable();
  let child: ChildProcess;
  try {
    table.addAll(channels ?? { main: {} });
    child = spawn(command, args, {
      cwd,
      env: { ...env, [ANNOUNCEMENT]: JSON.stringify(table.announcement) },
      stdio: table.stdio(stdio),
    });
    await once(child, 'spawn');
  } catch (error) {
    table.closeNear();
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    throw fromErrno(error, 'spawn', command);
  } finally {
    table.closeFar();
  }

  child.on('error', () => undefined); // a signal that could not be sent; `exited` tells what became of the process
  const ends = table.open();
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
  const closeEnds = (signal?: AbortSignal): Promise<unknown> =>
    Promise.allSettled(Object.values(ends).map((end) => end.close({ signal })));
  const kill = (signal: NodeJS.Signals = 'SIGTERM'): Promise<ExitStatus> => {
    child.kill(signal);
    return exited;
  };
  return {
    pid: child.pid ?? -1,
    process: child,
    channels: ends as EndsOf<C>,
    channel: ends.main as Child<C>['channel'],
    exited,
    kill,
    async close() {
      await closeEnds();
      return exited;
    },
    async [Symbol.asyncDispose]() {
      await closeEnds(AbortSignal.timeout(GRACE_MS));
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await kill();
      clearTimeout(timer);
    },
  };
}
