/** What the tests of this package share: fds that close with the test, children, and a look at what is open. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, onTestFinished } from 'vitest';
import { close } from '@ipc/native';

/** An fd that is closed when the test ends. */
export function owned(fd: number): number {
  onTestFinished(() => {
    close(fd);
  });
  return fd;
}

export function ownedPair([a, b]: [number, number]): [number, number] {
  return [owned(a), owned(b)];
}

const O_CLOEXEC = 0o2000000;

/** What an fd is set to. */
export function openFlags(fd: number): { closeOnExec: boolean; nonBlocking: boolean } {
  const line = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
  const flags = Number.parseInt(line, 8);
  return { closeOnExec: (flags & O_CLOEXEC) !== 0, nonBlocking: (flags & constants.O_NONBLOCK) !== 0 };
}

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-native-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

let names = 0;
/** A name nobody else has, for queues and shared memory. */
export function uniqueName(): string {
  return `/ipc-native-test-${process.pid}-${++names}`;
}

/** The kernel objects this process has open, by fd. */
function openObjects(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /^(pipe:|socket:|anon_inode:|\/memfd:|\/dev\/shm|\/dev\/mqueue|\/ipc-native)/.test(target)
        ? [`${fd} ${target}`]
        : [];
    } catch {
      return []; // the fd of the listing itself
    }
  });
}

/** Fails each test of the file that leaves an fd open. */
export function expectNoLeaks(): void {
  beforeEach(() => {
    const before = openObjects();
    // Registered first, so it runs last: after `owned` has closed what is its.
    onTestFinished(() => {
      expect(openObjects().filter((object) => !before.includes(object))).toEqual([]);
    });
  });
}

export interface Worker {
  readonly child: ChildProcessWithoutNullStreams;
  /** The next line it prints. */
  line(): Promise<string>;
  /** The next line it prints, while it is sent SIGUSR2 over and over. */
  lineUnderSignals(): Promise<string>;
  /** How it ended, and what it said. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

/** Starts a program of test/workers in a process of its own, which is killed when the test ends. */
export function startWorker(
  name: string,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
): Worker {
  const file = fileURLToPath(new URL(`../dist-test/workers/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [...execArgv, file, ...args]);
  child.stdin.end();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stderr,
  }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error(`worker ${name} ended: ${stderr}`);
    return next.value;
  };
  return {
    child,
    ended,
    line,
    async lineUnderSignals() {
      const timer = setInterval(() => child.kill('SIGUSR2'), 5);
      try {
        return await line();
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** A promise and its settling, for callbacks. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The error a call throws. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
