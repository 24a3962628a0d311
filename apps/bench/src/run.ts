/** A whole run: every planned cell, every repeat, each beside its floor. */
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { observeEnvironment } from './environment.ts';
import { buildFloor, type FloorFigures } from './floor.ts';
import { FloorGauge } from './floor-gauge.ts';
import { FLOOR_SHARE, Pace } from './pace.ts';
import { LivingPairs } from './living-pairs.ts';
import { Pair, type CellTimes } from './pair.ts';
import { choosePlacements } from './placement.ts';
import { plan, workload, type Depth, type PlannedCell, type PlannedPair } from './plan.ts';
import { resultSchema, ResultTable, type BenchReport, type Failure, type Skipped } from './result.ts';
import { loadScenario, scenarios } from './scenarios/index.ts';
import type { Figures } from './scenario.ts';
import { formatSize } from './size.ts';
import type { Subject } from './subject.ts';
import { loadSubject } from './subjects/index.ts';

export interface RunOptions {
  /** Ids, or URLs of modules. */
  readonly subjects: readonly string[];
  /** URLs of modules of scenarios of one's own: every subject of their kind is measured by them as well. */
  readonly scenarioModules: readonly string[];
  readonly messageBytes: readonly number[];
  readonly repeats: number;
  /** Each repeat starts its own processes; else one pair per subject lives for all, and its compiled code with it. */
  readonly freshPairs: boolean;
  readonly depth: Depth;
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

/** The least number of round trips of all repeats together, so that their p99 can be told. */
const leastRoundTrips = 1000;

/** Enough that what the buffers on the way hold does not decide, and no fewer than eight. */
function leastOneWay(messageBytes: number): number {
  return Math.max(8, Math.min(20_000, Math.floor((8 << 20) / messageBytes)));
}

/** The floor's figures for the cells of a pair, by floor scenario, size and processors. */
type Floors = Map<string, FloorFigures | undefined>;

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
    setMaxListeners(0, this.#options.signal); // each living pair has one
    const { depth, messageBytes, repeats, signal } = this.#options;
    await this.#prepareFloor();
    const subjects = await this.#loadSubjects();
    const ownScenarios = await Promise.all(this.#options.scenarioModules.map(loadScenario));
    const pairs = plan({
      subjects,
      scenarios,
      ownScenarios,
      messageBytes,
      placements: this.#placements,
      depth,
    });
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
    const { budgetMs, freshPairs, onProgress, repeats, signal } = this.#options;
    const pace = new Pace(workload(pairs, repeats, freshPairs), budgetMs);
    const living = new LivingPairs();
    try {
      for (let repeat = 0; repeat < repeats && !isAborted(signal); repeat++) {
        for (const [index, pair] of pairs.entries()) {
          // A machine far slower than planned: fewer repeats, and the report says so.
          if (isAborted(signal) || (repeat > 0 && pace.isOver())) return;
          const fraction = (repeat + index / pairs.length) / repeats;
          await this.#measurePair(pair, living, pace, (doing) => {
            onProgress({ fraction, doing });
          });
          if (freshPairs) await living.end(pair);
        }
        this.#repeats = repeat + 1;
      }
    } finally {
      await living.endAll();
    }
  }

  /** All cells of a pair. One that fails is ended and not tried again. */
  async #measurePair(
    planned: PlannedPair,
    living: LivingPairs,
    pace: Pace,
    progress: (doing: string) => void,
  ): Promise<void> {
    const { cells } = planned;
    let current: PlannedCell | undefined;
    let left = cells.length;
    try {
      let pair = living.get(planned);
      if (pair === 'failed') return;
      if (pair === undefined) {
        progress(planned.subject.id);
        const begin = performance.now();
        pair = await this.#startPair(planned);
        living.add(planned, pair);
        pace.strike({ pairs: 1 });
        pace.pairTook(performance.now() - begin);
        this.#pinnedBy.add(pair.pinnedBy);
      }
      const floors: Floors = new Map();
      for (current of cells) {
        if (current.messageBytes > pair.maxMessageBytes) continue;
        progress(describeCell(planned, current));
        await this.#measureCell(planned, current, pair, pace, floors);
        left--;
      }
    } catch (error) {
      await living.end(planned, 'failed');
      if (!this.#options.signal.aborted) this.#explain(planned, current, error as Error);
    } finally {
      pace.strike({ cells: left });
    }
  }

  /** Why a pair could not be opened, or failed in a cell. */
  #explain({ subject, cells }: PlannedPair, cell: PlannedCell | undefined, error: Error): void {
    const { code, message: reason } = error as Error & { code?: string };
    if (cell === undefined && code === 'ERR_IPC_UNSUPPORTED') {
      this.#skipped.push({ subject: subject.id, reason });
      return;
    }
    const where = cell === undefined ? {} : { scenario: cell.scenario.id, messageBytes: cell.messageBytes };
    const placement = (cell ?? cells[0])?.placement ?? 'same-core';
    this.#failures.push({ subject: subject.id, placement, ...where, reason });
  }

  #startPair({ subject, subjectModule, cells: [first] }: PlannedPair): Promise<Pair> {
    if (first === undefined) throw new RangeError('a pair without cells is not planned');
    const number = this.#pairs++;
    return Pair.start({
      subject,
      subjectModule,
      cpus: first.cpus,
      scenarioModules: this.#options.scenarioModules,
      directory: join(this.#directory, String(number)),
      name: `bench-${process.pid}-${number}`,
      signal: this.#options.signal,
    });
  }

  async #measureCell(
    planned: PlannedPair,
    cell: PlannedCell,
    pair: Pair,
    pace: Pace,
    floors: Floors,
  ): Promise<void> {
    const { scenario, messageBytes, placement } = cell;
    const path = scenario.warmedBy ?? scenario.id;
    const isFirst = !pair.warm.has(path);
    if (isFirst) pace.strike({ warmUps: 1 });
    pair.warm.add(path);
    const compilingMs = isFirst ? pace.compilingMs : 0;
    const cellMs = pace.cellMs();
    const begin = performance.now();
    const figures = await pair.measure(cell, this.#times(cell, cellMs, compilingMs));
    const floor = await this.#measureFloor(planned, cell, cellMs, floors);
    pace.cellDone(cellMs, performance.now() - begin - compilingMs);
    const key = { subject: planned.subject.id, scenario: scenario.id, messageBytes, placement };
    if (isMeasured(figures)) this.#table.add(key, figures, floor);
    else
      this.#failures.push({
        ...key,
        reason: `no operation was finished in the ${Math.round(cellMs)} ms of a cell`,
      });
  }

  /** The floor of a cell, right after it; once for cells of a pair that share one. */
  async #measureFloor(
    { subject }: PlannedPair,
    { scenario, messageBytes, cpus }: PlannedCell,
    cellMs: number,
    measured: Floors,
  ): Promise<FloorFigures | undefined> {
    const floorScenario = subject.floor === undefined ? undefined : scenario.floorScenario(subject.floor);
    if (this.#gauge === undefined || subject.floor === undefined || floorScenario === undefined)
      return undefined;
    const key = `${floorScenario} ${messageBytes} ${cpus.join()}`;
    if (!measured.has(key)) {
      const request = { subject: subject.floor, scenario: floorScenario, messageBytes, cpus };
      const durationNs = cellMs * 1e6 * FLOOR_SHARE;
      measured.set(key, await this.#gauge.measure(request, durationNs, this.#options.signal));
    }
    return measured.get(key);
  }

  #times({ scenario, messageBytes }: PlannedCell, cellMs: number, compilingMs: number): CellTimes {
    const cellNs = cellMs * 1e6;
    return {
      warmUpNs: cellNs / 3 + compilingMs * 1e6,
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

function describeCell({ subject }: PlannedPair, { scenario, messageBytes, placement }: PlannedCell): string {
  return [subject.id, placement, scenario.id, ...(messageBytes === 0 ? [] : [formatSize(messageBytes)])].join(
    ' ',
  );
}

/** A cell in which nothing was finished has no figure, not one of 0. */
function isMeasured({ messagesPerSecond, operationsPerSecond, latencyNs }: Figures): boolean {
  const figure = messagesPerSecond ?? operationsPerSecond ?? latencyNs?.length ?? 0;
  return figure > 0 && Number.isFinite(figure);
}
