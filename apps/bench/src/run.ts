/** A whole run: every planned cell, every repeat, each beside its floor. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { observeEnvironment } from './environment.ts';
import { buildFloor, type FloorFigures } from './floor.ts';
import { FloorGauge } from './floor-gauge.ts';
import { FLOOR_SHARE, Pace } from './pace.ts';
import { Pair, type CellTimes } from './pair.ts';
import { choosePlacements } from './placement.ts';
import { plan, workload, type PlannedCell, type PlannedPair } from './plan.ts';
import { resultSchema, ResultTable, type BenchReport, type Failure, type Skipped } from './result.ts';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './scenario.ts';
import { formatSize } from './size.ts';
import type { Subject } from './subject.ts';
import { loadSubject } from './subjects/index.ts';

export interface RunOptions {
  /** Ids, or URLs of modules. */
  readonly subjects: readonly string[];
  readonly messageBytes: readonly number[];
  readonly repeats: number;
  /** What all of it may take. */
  readonly budgetMs: number;
  readonly onProgress: (progress: Progress) => void;
  /** Ends the run early; what was measured so far is the result. */
  readonly signal: AbortSignal;
}

export interface Progress {
  /** 0..1 */
  readonly fraction: number;
  /** What is being measured. */
  readonly doing: string;
}

/**
 * Measures. Repeats are the outermost loop, so that a slow minute of the machine hits every subject once, and a run
 * that is interrupted has something to say about all of them.
 *
 * @returns The report, complete or not: see `environment.run`.
 */
export async function run(options: RunOptions): Promise<BenchReport> {
  const directory = await mkdtemp(join(tmpdir(), 'ipc-bench-'));
  try {
    return await new Run(options, directory).report();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What a fresh process takes to compile the loops of a scenario: its first cell warms up so much longer. */
const compilingNs = 50e6;

/** The least number of round trips of all repeats together, so that their p99 can be told. */
const leastRoundTrips = 1000;

/** Enough that what the buffers on the way hold does not decide, and no fewer than eight. */
function leastOneWay(messageBytes: number): number {
  return Math.max(8, Math.min(20_000, Math.floor((8 << 20) / messageBytes)));
}

/** The floor's figures for the cells of a pair, by floor scenario and size. */
type Floors = Map<string, FloorFigures | undefined>;

/** What the cells of one pair share. */
interface PairContext {
  readonly pair: Pair;
  readonly floors: Floors;
  /** Scenarios whose loops are compiled. */
  readonly warm: Set<Scenario>;
}

class Run {
  readonly #options: RunOptions;
  readonly #directory: string;
  readonly #startedAt = new Date();
  readonly #environment = observeEnvironment();
  readonly #placements = choosePlacements();
  readonly #table = new ResultTable();
  readonly #skipped: Skipped[] = [];
  readonly #failures: Failure[] = [];
  readonly #pinnedBy = new Set<string | undefined>();
  #gauge: FloorGauge | undefined;
  #pairs = 0;
  #repeats = 0;

  constructor(options: RunOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  async report(): Promise<BenchReport> {
    const { messageBytes, repeats, signal } = this.#options;
    await this.#prepareFloor();
    const subjects = await this.#loadSubjects();
    const pairs = plan({ subjects, scenarios, messageBytes, placements: this.#placements });
    const before = await this.#coreToCoreNs();
    await this.#repeat(pairs);
    const after = await this.#coreToCoreNs();
    const [pinnedBy = null] = this.#pinnedBy;
    return {
      schema: resultSchema,
      environment: {
        ...this.#environment,
        run: {
          startedAt: this.#startedAt.toISOString(),
          durationMs: Date.now() - this.#startedAt.getTime(),
          complete: !signal.aborted && this.#failures.length === 0,
          repeats: Math.min(repeats, this.#repeats),
          placements: Object.fromEntries(this.#placements),
          pinnedBy: this.#pinnedBy.has(undefined) ? null : pinnedBy,
          skipped: this.#skipped,
          failures: this.#failures,
          coreToCoreNs: before === undefined || after === undefined ? null : { before, after },
        },
      },
      results: this.#table.results(),
    };
  }

  async #prepareFloor(): Promise<void> {
    this.#options.onProgress({ fraction: 0, doing: 'building the C floor' });
    const floor = await buildFloor({
      explain: (reason) => this.#skipped.push({ subject: 'C floor', reason }),
    });
    if (floor !== undefined) this.#gauge = new FloorGauge(floor);
  }

  async #loadSubjects(): Promise<{ module: string; subject: Subject }[]> {
    const subjects: { module: string; subject: Subject }[] = [];
    for (const module of this.#options.subjects) {
      try {
        subjects.push({ module, subject: await loadSubject(module) });
      } catch (error) {
        this.#skipped.push({ subject: module, reason: (error as Error).message });
      }
    }
    return subjects;
  }

  async #repeat(pairs: readonly PlannedPair[]): Promise<void> {
    const { budgetMs, onProgress, repeats, signal } = this.#options;
    const pace = new Pace(workload(pairs, repeats), budgetMs);
    const unusable = new Set<Subject>();
    for (let repeat = 0; repeat < repeats && !isAborted(signal); repeat++) {
      for (const [index, pair] of pairs.entries()) {
        // A machine far slower than planned: fewer repeats, and the report says so.
        if (isAborted(signal) || (repeat > 0 && pace.isOver())) return;
        const fraction = (repeat + index / pairs.length) / repeats;
        const progress = (doing: string): void => {
          onProgress({ fraction, doing });
        };
        if (unusable.has(pair.subject)) pace.pairDone(0, pair.cells.length);
        else if (!(await this.#measurePair(pair, pace, progress))) unusable.add(pair.subject);
      }
      this.#repeats = repeat + 1;
    }
  }

  /** All cells of a pair. Returns false when the subject had better not be tried again. */
  async #measurePair(planned: PlannedPair, pace: Pace, progress: (doing: string) => void): Promise<boolean> {
    const { subject, placement, cells } = planned;
    const { signal } = this.#options;
    const begin = performance.now();
    let current: PlannedCell | undefined;
    let measured = 0;
    let measuringMs = 0;
    progress(`${subject.id} ${placement}`);
    try {
      await using pair = await this.#startPair(planned);
      this.#pinnedBy.add(pair.pinnedBy);
      const context = { pair, floors: new Map(), warm: new Set<Scenario>() };
      for (current of cells) {
        if (current.messageBytes > pair.maxMessageBytes) continue;
        progress(describeCell(planned, current));
        const cellMs = pace.cellMs();
        const cellBegin = performance.now();
        await this.#measureCell(planned, current, cellMs, context);
        const took = performance.now() - cellBegin;
        pace.cellDone(cellMs, took);
        measuringMs += took;
        measured++;
      }
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const { code, message } = error as Error & { code?: string };
      if (current === undefined && code === 'ERR_IPC_UNSUPPORTED') {
        this.#skipped.push({ subject: subject.id, reason: message });
      } else {
        const cell =
          current === undefined ? {} : { scenario: current.scenario.id, messageBytes: current.messageBytes };
        this.#failures.push({ subject: subject.id, placement, ...cell, reason: message });
      }
      return false;
    } finally {
      pace.pairDone(performance.now() - begin - measuringMs, cells.length - measured);
    }
  }

  #startPair({ subject, subjectModule, cpus }: PlannedPair): Promise<Pair> {
    const number = this.#pairs++;
    return Pair.start({
      subject,
      subjectModule,
      cpus,
      directory: join(this.#directory, String(number)),
      name: `bench-${process.pid}-${number}`,
      signal: this.#options.signal,
    });
  }

  async #measureCell(
    planned: PlannedPair,
    cell: PlannedCell,
    cellMs: number,
    context: PairContext,
  ): Promise<void> {
    const { subject, placement } = planned;
    const { scenario, messageBytes } = cell;
    const times = this.#times(cell, cellMs, !context.warm.has(scenario));
    context.warm.add(scenario);
    const figures = await context.pair.measure(scenario, messageBytes, times);
    const floor = await this.#measureFloor(planned, cell, cellMs, context.floors);
    this.#table.add({ subject: subject.id, scenario: scenario.id, messageBytes, placement }, figures, floor);
  }

  /** The floor of a cell, right after it; once for cells of a pair that share one. */
  async #measureFloor(
    { subject, cpus }: PlannedPair,
    { scenario, messageBytes }: PlannedCell,
    cellMs: number,
    measured: Floors,
  ): Promise<FloorFigures | undefined> {
    const floorScenario = subject.floor === undefined ? undefined : scenario.floorScenario(subject.floor);
    if (this.#gauge === undefined || subject.floor === undefined || floorScenario === undefined)
      return undefined;
    const key = `${floorScenario} ${messageBytes}`;
    if (!measured.has(key)) {
      const request = { subject: subject.floor, scenario: floorScenario, messageBytes, cpus };
      const durationNs = cellMs * 1e6 * FLOOR_SHARE;
      measured.set(key, await this.#gauge.measure(request, durationNs, this.#options.signal));
    }
    return measured.get(key);
  }

  #times({ scenario, messageBytes }: PlannedCell, cellMs: number, isFirst: boolean): CellTimes {
    const cellNs = cellMs * 1e6;
    return {
      warmUpNs: cellNs / 3 + (isFirst ? compilingNs : 0),
      durationNs: (cellNs * 2) / 3,
      leastMessages: scenario.id.startsWith('round-trip')
        ? Math.ceil(leastRoundTrips / this.#options.repeats)
        : leastOneWay(messageBytes),
      mostNs: Math.max(4 * cellNs, 150e6),
    };
  }

  async #coreToCoreNs(): Promise<number | undefined> {
    const cpus = this.#placements.get('cross-core');
    if (this.#gauge === undefined || cpus === undefined || this.#options.signal.aborted) return undefined;
    const request = { subject: 'cache.line', scenario: 'core-to-core', messageBytes: 0, cpus };
    const figures = await this.#gauge.measure(request, 20e6, this.#options.signal).catch(() => undefined);
    return figures?.latencyNs?.p50;
  }
}

/** A function, because it changes while something is awaited and the compiler does not know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function describeCell({ subject, placement }: PlannedPair, { scenario, messageBytes }: PlannedCell): string {
  return [subject.id, placement, scenario.id, ...(messageBytes === 0 ? [] : [formatSize(messageBytes)])].join(
    ' ',
  );
}
