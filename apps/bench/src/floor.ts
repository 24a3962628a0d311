/**
 * The C floor: small C programs (`floor/*.c`) that do the work of our mechanisms, built on the spot.
 *
 * One binary, one run per figure: it forks the two processes, pins them, checks every message and prints one line
 * of JSON. Here it is compiled when its sources are newer, run, and its answer read as untrusted input.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const sources = fileURLToPath(new URL('../floor/', import.meta.url));
const defaultOutput = fileURLToPath(new URL('../build/floor', import.meta.url));

const messageScenarios = ['throughput', 'round-trip', 'wake-up'];
/** Where what 64 callers have in flight fits into every queue on the way. */
const callScenarios = [...messageScenarios, 'calls'];
/** Where the kernel takes, and gives, many messages at a time; and the ring, which tells the other core of many at once. */
const batchScenario = 'throughput-batched';
const lockScenarios = ['lock-uncontended', 'lock-contended'];
const structureScenarios = ['operations-alone', 'operations-together'];

/** What the floor can measure: the scenarios of each subject. */
export const floorScenarios: ReadonlyMap<string, readonly string[]> = new Map([
  ['pipe.anonymous', callScenarios],
  ['pipe.fifo', callScenarios],
  ['socket.unix', callScenarios],
  ['socket.seqpacket', [...callScenarios, batchScenario]],
  ['socket.datagram', [...messageScenarios, batchScenario]],
  ['socket.tcp', callScenarios],
  ['mq.posix', messageScenarios],
  ['mq.sysv', callScenarios],
  ['shm.ring', [...callScenarios, batchScenario, 'round-trip-sleeping']],
  ['shm.latest', ['operations-alone']],
  ['shm.counter', structureScenarios],
  ['sync.mutex', lockScenarios],
  ['sync.semaphore', lockScenarios],
  ['sync.rw-lock', lockScenarios],
  ['sync.posix-semaphore', lockScenarios],
  ['pthread.rw-lock', lockScenarios],
  ['cache.line', ['core-to-core']],
]);

export interface FloorRequest {
  /** A key of {@link floorScenarios}. */
  readonly subject: string;
  /** One of its scenarios. */
  readonly scenario: string;
  /** Payload bytes of a message, 1..64 MiB. Without meaning for locks, structures and `core-to-core`: 0 there. */
  readonly messageBytes: number;
  /**
   * Messages, lock operations or samples to measure, 1..1e9, and 1..1e7 where each latency is kept. A tenth of them
   * more are run first, to warm up.
   */
  readonly messages: number;
  /** The CPU of the sending process and of the receiving one; unpinned without it. */
  readonly cpus?: readonly [leader: number, follower: number];
  /** Kills the run. */
  readonly signal?: AbortSignal;
}

/** What was measured. Each message was checked, or there would be no figures. */
export interface FloorFigures {
  readonly unsupported?: undefined;
  readonly elapsedNs: number;
  /** Of `throughput` and `calls`; of the round-trip scenarios the round trips per second. */
  readonly messagesPerSecond?: number;
  /** Of locks: pairs of acquire and release, of both processes together. Of structures: what the leader does. */
  readonly operationsPerSecond?: number;
  /** Of the round-trip scenarios, there and back; of `wake-up` and `core-to-core` one way. */
  readonly latencyNs?: { readonly p50: number; readonly p99: number };
}

/** The exit code when its watchdog bit. */
const TOO_LONG = 124;

/** This machine cannot do that: a message over a limit, or a mechanism the kernel lacks. */
interface FloorUnsupported {
  /** Why, in words. */
  readonly unsupported: string;
}

export type FloorResult = FloorFigures | FloorUnsupported;

export interface FloorBuild {
  /** The compiler and its first arguments, separated by spaces. Default: the environment's `CC` unless it is empty, or else `cc`. */
  readonly compiler?: string;
  /** Where the binary goes. Default: the environment's `BENCH_FLOOR`, or else `build/floor` of this app. */
  readonly output?: string;
  /** Told why there is no floor, in one or a few lines, when the answer is `undefined`. */
  readonly explain?: (reason: string) => void;
}

/**
 * Compiles the floor, unless the binary is newer than its sources already.
 *
 * @returns The floor, or `undefined` where it cannot be built: no Linux, no compiler, or one that fails. `explain`
 *   is told which.
 * Cost: about two seconds of compiling the first time, one `stat` per source afterwards.
 */
export async function buildFloor(build: FloorBuild = {}): Promise<Floor | undefined> {
  const { CC = '', BENCH_FLOOR = defaultOutput } = process.env;
  const { compiler = CC || 'cc', output = BENCH_FLOOR, explain } = build;
  if (process.platform !== 'linux') {
    explain?.(`the C floor is written for Linux, and this is ${process.platform}`);
    return undefined;
  }
  if (await isStale(output)) {
    const reason = await compile(compiler, output);
    if (reason !== undefined) {
      explain?.(reason);
      return undefined;
    }
  }
  return new Floor(output);
}

/** The compiled floor. Runs are independent of each other; side by side they only disturb each other's figures. */
export class Floor {
  /** The binary; run without arguments it tells its usage. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Measures one figure, in two fresh processes.
   *
   * @throws {RangeError} The request is not one the floor knows, or a number is out of its range.
   * @returns The figures, or why there are none: this machine cannot do that, or not within 60 seconds.
   * @throws {Error} The run failed (a message was lost or damaged, a CPU may not be used, a system call failed) or
   *   answered nonsense; the message says which.
   * @throws The signal's reason once it is aborted. However it ends, its processes have ended by then.
   */
  async measure(request: FloorRequest): Promise<FloorResult> {
    const { signal } = request;
    const runArguments = toArguments(request);
    signal?.throwIfAborted();

    const child = spawn(this.path, runArguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', kill, { once: true });
    try {
      // `close` comes after the last process that holds stdout or stderr has ended: all of them do.
      const closed = once(child, 'close') as Promise<[code: number | null, signal: string | null]>;
      const [answer, complaint, [code, killer]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        closed,
      ]);
      signal?.throwIfAborted();
      if (code === TOO_LONG) return { unsupported: complaint.trim() };
      if (code !== 0) {
        const why = complaint.trim() || `it was ended by ${killer ?? `exit code ${String(code)}`}`;
        throw new Error(`the floor failed at ${runArguments.join(' ')}: ${why}`);
      }
      return readResult(answer, request);
    } finally {
      signal?.removeEventListener('abort', kill);
    }
  }
}

async function isStale(output: string): Promise<boolean> {
  const files = (await readdir(sources)).map((file) => join(sources, file));
  const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
  const built = await stat(output).catch(() => undefined);
  return built === undefined || Math.max(...times) >= built.mtimeMs;
}

/** Returns the reason why there is no binary, if so. A half-written one is never seen under `output`. */
async function compile(compiler: string, output: string): Promise<string | undefined> {
  const [command = 'cc', ...options] = compiler.split(' ').filter((word) => word !== '');
  const unfinished = `${output}.${process.pid}`;
  const files = (await readdir(sources)).filter((file) => file.endsWith('.c'));
  await mkdir(dirname(output), { recursive: true });
  try {
    await promisify(execFile)(
      command,
      [...options, '-std=gnu11', '-O2', '-Wall', '-Wextra', '-pthread', '-o', unfinished, ...files, '-lrt'],
      { cwd: sources, timeout: 60_000 },
    );
    await rename(unfinished, output);
    return undefined;
  } catch (error) {
    await rm(unfinished, { force: true });
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') {
      return `there is no C compiler: ${command} was not found (install gcc or clang, or set CC)`;
    }
    return `the C floor does not compile: ${error.message}`;
  }
}

function toArguments({ subject, scenario, messageBytes, messages: count, cpus }: FloorRequest): string[] {
  if (floorScenarios.get(subject)?.includes(scenario) !== true) {
    throw new RangeError(`the floor has no ${scenario} of ${subject}`);
  }
  const carriesMessages = [...callScenarios, batchScenario, 'round-trip-sleeping'].includes(scenario);
  const keepsLatencies = !countsOperations(scenario) && !countsMessages(scenario);
  checkInteger('messageBytes', messageBytes, carriesMessages ? 1 : 0, 64 * 1024 * 1024);
  checkInteger('messages', count, 1, keepsLatencies ? 1e7 : 1e9);
  cpus?.forEach((cpu) => {
    checkInteger('cpus', cpu, 0, 1023);
  });
  return [
    subject,
    scenario,
    ...(messageBytes === 0 ? [] : ['--bytes', String(messageBytes)]),
    ...['--messages', String(count)],
    ...(cpus === undefined ? [] : ['--cpus', cpus.join(',')]),
  ];
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
}

/** Believes nothing: the answer must be about this request, account for every message, and have its figures. */
function readResult(answer: string, request: FloorRequest): FloorResult {
  const nonsense = (cause?: unknown): Error =>
    new Error(`the floor answered ${JSON.stringify(answer.slice(0, 500))}, which is no result`, { cause });
  let line: unknown;
  try {
    line = JSON.parse(answer);
  } catch (error) {
    throw nonsense(error);
  }
  const { subject, scenario, messageBytes, messages: count } = request;
  if (!isRecord(line) || line.subject !== subject || line.scenario !== scenario) throw nonsense();
  if (line.messageBytes !== messageBytes || line.messages !== count) throw nonsense();

  const { unsupported, elapsedNs, checked, messagesPerSecond, operationsPerSecond, latencyNs } = line;
  if (typeof unsupported === 'string') return { unsupported };
  if (!isFigure(elapsedNs) || checked !== count) throw nonsense();
  if (countsMessages(scenario) && isFigure(messagesPerSecond)) return { elapsedNs, messagesPerSecond };
  if (countsOperations(scenario) && isFigure(operationsPerSecond)) return { elapsedNs, operationsPerSecond };

  if (!isRecord(latencyNs)) throw nonsense();
  const { p50, p99 } = latencyNs;
  if (!isFigure(p50) || !isFigure(p99) || p50 > p99) throw nonsense();
  if (!scenario.startsWith('round-trip')) return { elapsedNs, latencyNs: { p50, p99 } };
  if (!isFigure(messagesPerSecond)) throw nonsense();
  return { elapsedNs, messagesPerSecond, latencyNs: { p50, p99 } };
}

const countsMessages = (scenario: string): boolean =>
  ['throughput', batchScenario, 'calls'].includes(scenario);
const countsOperations = (scenario: string): boolean =>
  lockScenarios.includes(scenario) || structureScenarios.includes(scenario);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isFigure = (value: unknown): value is number => typeof value === 'number' && value >= 0;
