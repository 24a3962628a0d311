/** A leader and its followers, processes with one subject between them, in which cells are measured. */
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { nowNs } from './clock.ts';
import { Control, type Order, type Report } from './control.ts';
import { CrewProcess } from './crew-process.ts';
import { cpusOf, type CpuPair } from './placement.ts';
import type { PlannedCell } from './planned.ts';
import { recordCrew } from './run-directory.ts';
import { RollCall } from './roll-call.ts';
import { consumption, samplesOf } from './samples.ts';
import type { CellRequest, Figures } from './scenario.ts';
import type { Subject } from './subject.ts';

/** To open they have so much more time than to answer, per process beside the leader: all start at once. */
const patienceMsPerFollower = 5000;
/** To answer they have so much more per MiB of a message, of which a dozen are on their way. */
const patienceMsPerMebibyte = 500;
/** The bench is told how its child has ended by then, also on a busy machine. */
const obituaryMs = 1000;
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
  /** All of them have to answer within this, however slow the machine; who does not has hung. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** How long to measure. */
export interface CellTimes extends Pick<CellRequest, 'warmUpNs' | 'durationNs' | 'leastMessages' | 'mostNs'> {
  /** From the order to what all begin together. */
  readonly leadNs: number;
}

export class Crew implements AsyncDisposable {
  readonly #options: CrewOptions;
  readonly #processes: number;
  readonly #server: Server = createServer();
  readonly #children: CrewProcess[] = [];
  readonly #controls: Control<Order, Report>[] = [];
  readonly #rollCall: RollCall;
  readonly #abort = (): void => {
    this.#fail(new CrewFailure('the run was interrupted'));
  };
  #failure: Error | undefined;
  #closing = false;
  #counter = 0;
  #maxMessageBytes = Infinity;
  #pinnedBy: string | undefined;

  private constructor(options: CrewOptions) {
    this.#options = options;
    this.#processes = 1 + options.followers;
    this.#rollCall = new RollCall(this.#processes);
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

  /** What has broken, also while nothing was measured or at the end; whole once the crew has been ended. */
  get failure(): Error | undefined {
    return this.#failure;
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
  async measure(
    { scenario, messageBytes, cpus }: PlannedCell,
    { leadNs, ...times }: CellTimes,
  ): Promise<Figures> {
    const startNs = nowNs() + leadNs;
    const { followers } = this.#options;
    const request: CellRequest = { messageBytes, followers, ...times, startNs, counterBefore: this.#counter };
    const answered = this.#nextReports((messageBytes / 2 ** 20) * patienceMsPerMebibyte);
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
    const timer = setTimeout(() => {
      for (const child of this.#children) child.kill();
      // What a leader has started ends when it is left alone.
      for (const control of this.#controls) control.close();
    }, farewellMs);
    await Promise.all(this.#children.map((child) => child.ended()));
    clearTimeout(timer);
    for (const control of this.#controls) control.close();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
    this.#explain();
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
      let who = 'a process';
      const onReport = (report: Report): void => {
        who = this.#nameOf(report.index);
        this.#take(report);
      };
      this.#controls.push(
        new Control(socket, onReport, () => {
          // How, is known in a moment, unless another one than the bench has started it.
          setTimeout(() => {
            this.#fail(new CrewFailure(`${who} has ended`));
          }, obituaryMs).unref();
        }),
      );
    });
    this.#server.listen(control);
    await once(this.#server, 'listening');

    const opened = this.#nextReports(this.#options.followers * patienceMsPerFollower);
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
    for (let index = 0; index < started; index++) {
      const child = new CrewProcess({ index, ...assignment }, (how) => {
        this.#fail(new CrewFailure(`${this.#nameOf(index)} ended with ${how}`));
      });
      this.#children.push(child);
    }

    const reports = [...(await opened).values()].filter((report) => report.kind === 'open');
    this.#maxMessageBytes = Math.min(...reports.map(({ maxMessageBytes }) => maxMessageBytes ?? Infinity));
    if (reports.every(({ pinnedBy }) => pinnedBy !== null))
      this.#pinnedBy = reports[0]?.pinnedBy ?? undefined;
  }

  /** Where each process may run. */
  #places(cpus: CpuPair | undefined): (readonly number[])[] {
    return Array.from({ length: this.#processes }, (_, index) => cpusOf(cpus, index));
  }

  /** The next report of each of them, by index. */
  #nextReports(moreMs: number): Promise<ReadonlyMap<number, Report>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const withinMs = this.#options.patienceMs + moreMs;
    return this.#rollCall.next(withinMs, (silent) => {
      const names = silent.map((index) => this.#nameOf(index)).join(' and ');
      this.#fail(new CrewFailure(`no answer from ${names} within ${Math.round(withinMs / 1000)} seconds`));
    });
  }

  #take(report: Report): void {
    if (report.kind !== 'failed') {
      this.#rollCall.take(report);
      return;
    }
    const reason = `${this.#nameOf(report.index)}: ${report.reason}`;
    this.#fail(new CrewFailure(reason, report.code ?? undefined));
  }

  #fail(error: Error): void {
    if (this.#closing || this.#failure !== undefined) return;
    this.#failure = error;
    this.#rollCall.fail(error);
  }

  /** All have ended: who died may be why another one has failed, and what they have said may be why they died. */
  #explain(): void {
    const deaths = this.#children.flatMap(({ index, death }) =>
      death === undefined ? [] : [`${this.#nameOf(index)} ended with ${death}`],
    );
    const [death] = deaths;
    this.#failure ??= death === undefined ? undefined : new CrewFailure(death);
    if (this.#failure === undefined) return;
    const complaints = this.#children.map(({ complaint }) => complaint).filter((text) => text !== '');
    this.#failure.message = [...new Set([this.#failure.message, ...deaths]), ...complaints].join('\n');
  }

  #nameOf(index: number): string {
    if (index === 0) return 'the leader';
    return this.#options.followers === 1 ? 'the follower' : `follower ${index}`;
  }
}
