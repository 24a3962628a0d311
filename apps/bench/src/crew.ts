/** A leader and its followers, processes with one subject between them, in which cells are measured. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nowNs } from './clock.ts';
import { Control, type Order, type Report } from './control.ts';
import type { Assignment } from './peer.ts';
import { cpusOf, type CpuPair } from './placement.ts';
import type { PlannedCell } from './planned.ts';
import { recordCrew } from './run-directory.ts';
import type { CellRequest, Figures, Followers, Sample, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

const peerProgram = fileURLToPath(new URL('./peer.js', import.meta.url));

/** All of them have to answer within this, however slow the machine. */
const patienceMs = 20_000;
/** And to open, within so much more per process beside the leader: all start at once. */
const patienceMsPerFollower = 5000;
/** And within so much more per MiB of a message, of which a dozen are on their way. */
const patienceMsPerMebibyte = 500;
/** Orders have arrived by then, also on a busy machine. */
const leastLeadNs = 20e6;
/** What ending in peace may take. */
const farewellMs = 1000;

/** A subject could not be opened, or a cell not measured. The crew is of no use any more. */
class CrewFailure extends Error {
  static {
    this.prototype.name = 'CrewFailure';
  }
  /** The code of the error behind it, if it had one. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

export interface CrewOptions {
  readonly subject: Subject;
  /** Its id, or the URL of its module. */
  readonly subjectModule: string;
  /** See `Assignment`. */
  readonly scenarioModules: readonly string[];
  readonly followers: number;
  /** Where they begin; anywhere without. */
  readonly cpus: CpuPair | undefined;
  /** A directory for this crew alone, to be created and removed. */
  readonly directory: string;
  /** See `Session.name`. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** How long to measure. */
export type CellTimes = Pick<CellRequest, 'warmUpNs' | 'durationNs' | 'leastMessages' | 'mostNs'>;

export class Crew implements AsyncDisposable {
  readonly #options: CrewOptions;
  readonly #processes: number;
  readonly #server: Server = createServer();
  readonly #children: ChildProcess[] = [];
  readonly #controls: Control<Order, Report>[] = [];
  readonly #abort = (): void => {
    this.#fail(new CrewFailure('the run was interrupted'));
  };
  #complaint = '';
  #failure: Error | undefined;
  #closing = false;
  #reports = new Map<number, Report>();
  #settle: { resolve(reports: ReadonlyMap<number, Report>): void; reject(error: Error): void } | undefined;
  #counter = 0;
  #maxMessageBytes = Infinity;
  #pinnedBy: string | undefined;

  private constructor(options: CrewOptions) {
    this.#options = options;
    this.#processes = 1 + options.followers;
  }

  /**
   * Starts all processes and waits until the subject is open in each.
   *
   * @throws {CrewFailure} It cannot be opened; everything has been ended and removed.
   */
  static async start(options: CrewOptions): Promise<Crew> {
    const crew = new Crew(options);
    try {
      await crew.#start();
      return crew;
    } catch (error) {
      await crew[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The largest message the open subject carries; `Infinity` where it names no limit. */
  get maxMessageBytes(): number {
    return this.#maxMessageBytes;
  }

  /** How all were pinned; `undefined` when one was not. */
  get pinnedBy(): string | undefined {
    return this.#pinnedBy;
  }

  /**
   * Measures one cell.
   *
   * @throws {CrewFailure} A message was lost or damaged, a process ended, an operation failed, nobody answered in time.
   */
  async measure({ scenario, messageBytes, cpus }: PlannedCell, times: CellTimes): Promise<Figures> {
    const startNs = nowNs() + Math.max(times.warmUpNs, leastLeadNs);
    const { followers } = this.#options;
    const request: CellRequest = { messageBytes, followers, ...times, startNs, counterBefore: this.#counter };
    const answered = this.#nextReports(patienceMs + (messageBytes / 2 ** 20) * patienceMsPerMebibyte);
    const places = this.#places(cpus);
    for (const control of this.#controls) {
      control.post({ kind: 'run', scenario: scenario.id, request, cpus: places });
    }
    const [leader, ...all] = samplesOf(await answered);
    if (scenario.kind === 'lock') {
      const done = all.reduce((sum, { total }) => sum + total, leader.total);
      this.#counter = (this.#counter + done) >>> 0;
    }
    try {
      return { ...scenario.combine(leader, all, request), ...consumption(scenario.kind, leader, all) };
    } catch (error) {
      throw new CrewFailure((error as Error).message);
    }
  }

  /** Ends all processes, in peace if they can, and removes everything they may have left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { directory, signal, subject } = this.#options;
    this.#closing = true;
    signal.removeEventListener('abort', this.#abort);
    for (const control of this.#controls) control.post({ kind: 'close' });
    const kill = (): void => {
      for (const child of this.#children) child.kill('SIGKILL');
      // What a leader has started ends when it is left alone.
      for (const control of this.#controls) control.close();
    };
    // Who is interrupted can still tidy up.
    if (this.#failure !== undefined && !signal.aborted) kill();
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
    await recordCrew({ name, directory, subject: subjectModule });
    const control = join(directory, 'control');
    this.#server.on('connection', (socket) => {
      const onReport = (report: Report): void => {
        this.#take(report);
      };
      this.#controls.push(
        new Control(socket, onReport, () => {
          this.#fail(new CrewFailure('a process has ended'));
        }),
      );
    });
    this.#server.listen(control);
    await once(this.#server, 'listening');

    const opened = this.#nextReports(patienceMs + this.#options.followers * patienceMsPerFollower);
    opened.catch(() => undefined); // awaited below, unless starting fails first
    const assignment = {
      subject: subjectModule,
      processes: this.#processes,
      name,
      directory,
      control,
      cpus: this.#places(cpus),
      scenarioModules,
    };
    const leaderStartsFollower = subject.kind === 'messages' && subject.followerStartedBy === 'leader';
    const started = leaderStartsFollower ? 1 : this.#processes;
    for (let index = 0; index < started; index++) this.#spawn({ index, ...assignment });

    const reports = [...(await opened).values()].filter((report) => report.kind === 'open');
    this.#maxMessageBytes = Math.min(...reports.map(({ maxMessageBytes }) => maxMessageBytes ?? Infinity));
    if (reports.every(({ pinnedBy }) => pinnedBy !== null))
      this.#pinnedBy = reports[0]?.pinnedBy ?? undefined;
  }

  /** Where each process may run. */
  #places(cpus: CpuPair | undefined): (readonly number[])[] {
    return Array.from({ length: this.#processes }, (_, index) => cpusOf(cpus, index));
  }

  #spawn(assignment: Assignment): void {
    const argument = JSON.stringify(assignment);
    const child = spawn(process.execPath, [peerProgram, argument], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Sockets and FIFOs live here: they go with the directory, however the crew ends.
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
      const who = assignment.index === 0 ? 'leader' : 'follower';
      // Later, so that its last words have been read.
      setImmediate(() => {
        this.#fail(new CrewFailure(`the ${who} ended with ${how}`));
      });
    });
    this.#children.push(child);
  }

  /** The next report of each of them, by index. */
  #nextReports(withinMs: number): Promise<ReadonlyMap<number, Report>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#reports = new Map();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(new CrewFailure(`no answer within ${Math.round(withinMs / 1000)} seconds`));
      }, withinMs);
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
      const who = report.index === 0 ? 'leader' : 'follower';
      this.#fail(new CrewFailure(`${who}: ${report.reason}`, report.code ?? undefined));
      return;
    }
    this.#reports.set(report.index, report);
    if (this.#reports.size < this.#processes) return;
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

/** A message is counted by all, but by those who receive it in the leader's total; an operation by who did it. */
function consumption(
  kind: Scenario['kind'],
  leader: Sample,
  followers: Followers,
): Pick<Figures, 'cpuNsEach' | 'residentBytes'> {
  const all = [leader, ...followers];
  const sum = (figure: (sample: Sample) => number | undefined): number =>
    all.reduce((total, sample) => total + (figure(sample) ?? 0), 0);
  const done = kind === 'messages' ? leader.total : sum(({ total }) => total);
  return {
    ...(done === 0 ? {} : { cpuNsEach: sum(({ cpuNs }) => cpuNs) / done }),
    residentBytes: sum(({ residentBytes }) => residentBytes),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
    await once(child, 'close'); // after all that it started, which hold its outputs
}

function samplesOf(reports: ReadonlyMap<number, Report>): [leader: Sample, ...followers: Followers] {
  const [leader, follower, ...others] = [...reports.values()]
    .sort((a, b) => a.index - b.index)
    .map((report) => {
      if (report.kind !== 'sample') throw new CrewFailure('a sample was expected');
      return report.sample;
    });
  if (leader === undefined || follower === undefined) throw new CrewFailure('a sample was expected');
  return [leader, follower, ...others];
}
