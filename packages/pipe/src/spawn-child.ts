/** Child processes with channels beside, or instead of, their stdio. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  checkName,
  frameChannel,
  fromErrno,
  type Channel,
  type Closable,
  type Receiver,
  type Sender,
} from '@ipc/core';
import { close, DescriptorStream, setNonBlocking } from '@ipc/native';
import { ANNOUNCEMENT, type Announcement, type InheritedChannel } from './announcement.ts';
import { createPipe, type CapacityOptions } from './capacity.ts';
import { checkFormat, receiverOver, senderOver, type FormatOptions } from './format.ts';

/** Messages both ways, for a child that calls `inherited`. */
export interface TwoWaySpec extends CapacityOptions {
  readonly direction?: 'both' | undefined;
  /** @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
}

/** One way, in any format: also for programs that know nothing of this package. */
export interface OneWaySpec extends FormatOptions, CapacityOptions {
  readonly direction: 'to-child' | 'from-child';
  /** Which descriptor it is in the child; 0, 1, 2 are its stdio. @default the first free one from 3 */
  readonly fd?: number | undefined;
}

export type ChannelSpec = TwoWaySpec | OneWaySpec;

/** The parent's end of a channel. */
export type EndOf<S extends ChannelSpec> = S extends { readonly direction: 'to-child' }
  ? Sender
  : S extends { readonly direction: 'from-child' }
    ? Receiver
    : Channel;

/** The parent's ends, by name. */
export type EndsOf<C extends Readonly<Record<string, ChannelSpec>>> = {
  readonly [Name in keyof C]: EndOf<C[Name]>;
};

export interface SpawnChildOptions<C extends Readonly<Record<string, ChannelSpec>>> {
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
export interface Child<C extends Readonly<Record<string, ChannelSpec>>> extends AsyncDisposable {
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
  /** Closes the channels without flushing and ends the child: SIGTERM, after two seconds SIGKILL. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long a child that is disposed of may take to end on SIGTERM. */
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
export async function spawnChild<
  const C extends Readonly<Record<string, ChannelSpec>> = { readonly main: TwoWaySpec },
>(
  command: string,
  args: readonly string[] = [],
  { channels, cwd, env = process.env, stdio = 'inherit' }: SpawnChildOptions<C> = {},
): Promise<Child<C>> {
  const specs: Readonly<Record<string, ChannelSpec>> = channels ?? { main: {} };
  const table = new DescriptorTable();
  let child: ChildProcess;
  try {
    for (const [name, spec] of claimFixed(specs)) table.add(checkName(name), spec);
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
    channel: ends['main'] as Child<C>['channel'],
    exited,
    kill,
    async close() {
      await closeEnds();
      return exited;
    },
    async [Symbol.asyncDispose]() {
      await closeEnds(AbortSignal.abort());
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await kill();
      clearTimeout(timer);
    },
  };
}

type End = Closable;

/** Those with a descriptor of their own first, so that the others find the free ones. */
function claimFixed(specs: Readonly<Record<string, ChannelSpec>>): [string, ChannelSpec][] {
  const fixed = ([, spec]: [string, ChannelSpec]): boolean => 'fd' in spec && spec.fd !== undefined;
  const all = Object.entries(specs);
  return [...all.filter(fixed), ...all.filter((entry) => !fixed(entry))];
}

/** The descriptors of a child to be: which of its numbers is which pipe, and what stays here. */
class DescriptorTable {
  /** The child's ends, by their number in the child. */
  readonly #far = new Map<number, number>();
  readonly #near: number[] = [];
  readonly #opens: [name: string, open: () => End][] = [];
  readonly #announcement: Record<string, InheritedChannel> = {};

  get announcement(): Announcement {
    return this.#announcement;
  }

  add(name: string, spec: ChannelSpec): void {
    const { direction = 'both' } = spec;
    const { format, maxMessageBytes } = checkFormat(
      'format' in spec ? spec : { maxMessageBytes: spec.maxMessageBytes },
    );
    const options = { format, maxMessageBytes };
    const fd = 'fd' in spec ? spec.fd : undefined;
    if (direction === 'both') {
      const [writeFd, inChildRead] = this.#toChild(spec, undefined);
      const [readFd, inChildWrite] = this.#fromChild(spec, undefined);
      this.#announcement[name] = {
        format: 'frames',
        maxMessageBytes,
        readFd: inChildRead,
        writeFd: inChildWrite,
      };
      this.#opens.push([
        name,
        () => frameChannel(new DescriptorStream(readFd, writeFd), { maxMessageBytes }),
      ]);
    } else if (direction === 'to-child') {
      const [writeFd, inChild] = this.#toChild(spec, fd);
      this.#announcement[name] = { ...options, readFd: inChild };
      this.#opens.push([name, () => senderOver(new DescriptorStream(-1, writeFd), options)]);
    } else if ((direction as string) === 'from-child') {
      const [readFd, inChild] = this.#fromChild(spec, fd);
      this.#announcement[name] = { ...options, writeFd: inChild };
      this.#opens.push([name, () => receiverOver(new DescriptorStream(readFd, -1), options)]);
    } else {
      throw new TypeError(`direction must be both, to-child or from-child, got ${String(direction)}`);
    }
  }

  /** For `spawn`: one entry for each number up to the highest. */
  stdio(output: 'inherit' | 'ignore'): (number | 'inherit' | 'ignore')[] {
    const count = Math.max(2, ...this.#far.keys()) + 1;
    return Array.from(
      { length: count },
      (_, fd) => this.#far.get(fd) ?? (fd === 1 || fd === 2 ? output : 'ignore'),
    );
  }

  /** The parent's ends as channels and halves, which own their descriptors. */
  open(): Readonly<Record<string, End>> {
    return Object.fromEntries(this.#opens.map(([name, open]) => [name, open()]));
  }

  closeNear(): void {
    this.#near.forEach(close);
  }

  closeFar(): void {
    for (const fd of this.#far.values()) close(fd);
  }

  #toChild(options: CapacityOptions, wanted: number | undefined): [near: number, numberInChild: number] {
    const [readFd, writeFd] = createPipe(options);
    return [writeFd, this.#place(writeFd, readFd, wanted)];
  }

  #fromChild(options: CapacityOptions, wanted: number | undefined): [near: number, numberInChild: number] {
    const [readFd, writeFd] = createPipe(options);
    return [readFd, this.#place(readFd, writeFd, wanted)];
  }

  #place(near: number, far: number, wanted: number | undefined): number {
    this.#near.push(near);
    let number = wanted ?? 3;
    if (wanted === undefined) while (this.#far.has(number)) number++;
    if (this.#far.has(number) || !Number.isInteger(number) || number < 0 || number > 255) {
      close(far);
      if (this.#far.has(number)) throw new TypeError(`two channels want the child's descriptor ${number}`);
      throw new RangeError(`fd must be an integer in 0..255, got ${number}`);
    }
    this.#far.set(number, far);
    setNonBlocking(far, false);
    return number;
  }
}
