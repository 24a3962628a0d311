/** A pair of processes with one subject between them, in which cells are measured. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nowNs } from './clock.ts';
import { Control, type Order, type Report } from './control.ts';
import type { Assignment } from './peer.ts';
import type { CpuPair } from './placement.ts';
import type { PlannedCell } from './plan.ts';
import type { CellRequest, Figures, Sample, Scenario } from './scenario.ts';
import type { Role, Subject } from './subject.ts';

const peerProgram = fileURLToPath(new URL('./peer.js', import.meta.url));
const roles: readonly Role[] = ['leader', 'follower'];

/** Both sides have to answer within this, however slow the machine. */
const patienceMs = 20_000;
/** Orders have arrived by then, also on a busy machine. */
const leastLeadNs = 20e6;
/** What ending in peace may take. */
const farewellMs = 1000;

/** A subject could not be opened, or a cell not measured. The pair is of no use any more. */
class PairFailure extends Error {
  static {
    this.prototype.name = 'PairFailure';
  }
  /** The code of the error behind it, if it had one. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

export interface PairOptions {
  readonly subject: Subject;
  /** Its id, or the URL of its module. */
  readonly subjectModule: string;
  /** See `Assignment`. */
  readonly scenarioModules: readonly string[];
  /** Where the two begin. */
  readonly cpus: CpuPair;
  /** A directory for this pair alone, to be created and removed. */
  readonly directory: string;
  /** See `Session.name`. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** How long to measure. */
export type CellTimes = Pick<CellRequest, 'warmUpNs' | 'durationNs' | 'leastMessages' | 'mostNs'>;

export class Pair implements AsyncDisposable {
  readonly #options: PairOptions;
  readonly #server: Server = createServer();
  readonly #children: ChildProcess[] = [];
  readonly #controls: Control<Order, Report>[] = [];
  readonly #abort = (): void => {
    this.#fail(new PairFailure('the run was interrupted'));
  };
  #complaint = '';
  #failure: Error | undefined;
  #closing = false;
  #reports = new Map<Role, Report>();
  #settle: { resolve(reports: ReadonlyMap<Role, Report>): void; reject(error: Error): void } | undefined;
  #counter = 0;
  #maxMessageBytes = Infinity;
  #pinnedBy: string | undefined;

  private constructor(options: PairOptions) {
    this.#options = options;
  }

  /**
   * Starts both processes and waits until the subject is open in both.
   *
   * @throws {PairFailure} It cannot be opened; everything has been ended and removed.
   */
  static async start(options: PairOptions): Promise<Pair> {
    const pair = new Pair(options);
    try {
      await pair.#start();
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ids of the scenarios whose path the compiler has optimised: those measured here before. */
  readonly warm: Set<string> = new Set<string>();

  /** The largest message the open subject carries; `Infinity` where it names no limit. */
  get maxMessageBytes(): number {
    return this.#maxMessageBytes;
  }

  /** How both were pinned; `undefined` when one was not. */
  get pinnedBy(): string | undefined {
    return this.#pinnedBy;
  }

  /**
   * Measures one cell.
   *
   * @throws {PairFailure} A message was lost or damaged, a process ended, an operation failed, nobody answered in time.
   */
  async measure({ scenario, messageBytes, cpus }: PlannedCell, times: CellTimes): Promise<Figures> {
    const startNs = nowNs() + Math.max(times.warmUpNs, leastLeadNs);
    const request: CellRequest = { messageBytes, ...times, startNs, counterBefore: this.#counter };
    const answered = this.#nextReports();
    for (const control of this.#controls) control.post({ kind: 'run', scenario: scenario.id, request, cpus });
    const [leader, follower] = samplesOf(await answered);
    this.#counter = (this.#counter + (scenario.kind === 'lock' ? leader.total + follower.total : 0)) >>> 0;
    try {
      return {
        ...scenario.combine(leader, follower, request),
        ...consumption(scenario.kind, leader, follower),
      };
    } catch (error) {
      throw new PairFailure((error as Error).message);
    }
  }

  /** Ends both processes, in peace if they can, and removes everything they may have left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { directory, signal, subject } = this.#options;
    this.#closing = true;
    signal.removeEventListener('abort', this.#abort);
    for (const control of this.#controls) control.post({ kind: 'close' });
    const kill = (): void => {
      for (const child of this.#children) child.kill('SIGKILL');
    };
    if (this.#failure !== undefined) kill();
    const timer = setTimeout(kill, farewellMs);
    await Promise.all(this.#children.map(ended));
    clearTimeout(timer);
    for (const control of this.#controls) control.close();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
    subject.cleanUp?.(this.#options);
    await rm(directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { cpus, directory, name, scenarioModules, signal, subject, subjectModule } = this.#options;
    signal.throwIfAborted();
    signal.addEventListener('abort', this.#abort, { once: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const control = join(directory, 'control');
    this.#server.on('connection', (socket) => {
      const onReport = (report: Report): void => {
        this.#take(report);
      };
      this.#controls.push(
        new Control(socket, onReport, () => {
          this.#fail(new PairFailure('a process has ended'));
        }),
      );
    });
    this.#server.listen(control);
    await once(this.#server, 'listening');

    const opened = this.#nextReports();
    opened.catch(() => undefined); // awaited below, unless starting fails first
    const assignment = {
      subject: subjectModule,
      name,
      directory,
      control,
      cpus,
      scenarioModules,
    };
    const leaderStartsFollower = subject.kind === 'messages' && subject.followerStartedBy === 'leader';
    for (const role of leaderStartsFollower ? roles.slice(0, 1) : roles) this.#spawn({ role, ...assignment });

    const reports = [...(await opened).values()].filter((report) => report.kind === 'open');
    this.#maxMessageBytes = Math.min(...reports.map(({ maxMessageBytes }) => maxMessageBytes ?? Infinity));
    if (reports.every(({ pinnedBy }) => pinnedBy !== null))
      this.#pinnedBy = reports[0]?.pinnedBy ?? undefined;
  }

  #spawn(assignment: Assignment): void {
    const argument = JSON.stringify(assignment);
    const child = spawn(process.execPath, [peerProgram, argument], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Sockets and FIFOs live here: they go with the directory, however the pair ends.
      env: { ...process.env, XDG_RUNTIME_DIR: this.#options.directory },
    });
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        this.#complaint = (this.#complaint + text).slice(-2000);
      });
    }
    child.once('error', (error) => {
      this.#fail(error);
    });
    child.once('exit', (code, signal) => {
      const how = signal ?? `exit code ${String(code)}`;
      // Later, so that its last words have been read.
      setImmediate(() => {
        this.#fail(new PairFailure(`the ${assignment.role} ended with ${how}`));
      });
    });
    this.#children.push(child);
  }

  /** The next report of each of the two. */
  #nextReports(): Promise<ReadonlyMap<Role, Report>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#reports = new Map();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(new PairFailure(`no answer within ${patienceMs / 1000} seconds`));
      }, patienceMs);
      this.#settle = {
        resolve(reports) {
          clearTimeout(timer);
          resolve(reports);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  #take(report: Report): void {
    if (report.kind === 'failed') {
      this.#fail(new PairFailure(`${report.role}: ${report.reason}`, report.code ?? undefined));
      return;
    }
    this.#reports.set(report.role, report);
    if (this.#reports.size < roles.length) return;
    this.#settle?.resolve(this.#reports);
    this.#settle = undefined;
  }

  #fail(error: Error): void {
    if (this.#closing || this.#failure !== undefined) return;
    if (this.#complaint !== '') error.message += `\n${this.#complaint.trim()}`;
    this.#failure = error;
    this.#settle?.reject(error);
    this.#settle = undefined;
  }
}

/** A message is counted by both, an operation on a lock by the one who did it. */
function consumption(
  kind: Scenario['kind'],
  leader: Sample,
  follower: Sample,
): Pick<Figures, 'cpuNsEach' | 'residentBytes'> {
  const total = kind === 'lock' ? leader.total + follower.total : leader.total;
  return {
    cpuNsEach: ((leader.cpuNs ?? 0) + (follower.cpuNs ?? 0)) / total,
    residentBytes: (leader.residentBytes ?? 0) + (follower.residentBytes ?? 0),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
    await once(child, 'exit');
}

function samplesOf(reports: ReadonlyMap<Role, Report>): [leader: Sample, follower: Sample] {
  const [leader, follower] = roles.map((role) => reports.get(role));
  if (leader?.kind !== 'sample' || follower?.kind !== 'sample')
    throw new PairFailure('a sample was expected');
  return [leader.sample, follower.sample];
}
