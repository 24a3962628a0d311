/** A whole run: every planned cell, every repeat, each beside its floor. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { observeEnvironment } from './environment.ts';
import { buildFloor, type FloorFigures } from './floor.ts';
import { FloorGauge } from './floor-gauge.ts';
import { Pair, type CellTimes } from './pair.ts';
import { choosePlacements, type CpuPair } from './placement.ts';
import { cellMs, floorShare, plan, type PlannedCell, type PlannedPair } from './plan.ts';
import { resultSchema, ResultTable, type BenchReport, type Failure, type Skipped } from './result.ts';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './scenario.ts';
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
  #cellMs = 0;

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
    const { budgetMs, repeats, signal } = this.#options;
    const deadline = Date.now() + budgetMs;
    const unusable = new Set<Subject>();
    this.#cellMs = cellMs(pairs, repeats, budgetMs);
    for (let repeat = 0; repeat < repeats && !isAborted(signal); repeat++) {
      const begin = Date.now();
      for (const [index, pair] of pairs.entries()) {
        if (isAborted(signal)) return;
        if (unusable.has(pair.subject)) continue;
        const progress = (doing: string): void => {
          this.#options.onProgress({ fraction: (repeat + index / pairs.length) / repeats, doing });
        };
        if (!(await this.#measurePair(pair, progress))) unusable.add(pair.subject);
      }
      this.#repeats = repeat + 1;
      const took = Date.now() - begin;
      const left = deadline - Date.now();
      const toGo = repeats - repeat - 1;
      if (toGo > 0 && left < took / 3) return; // a machine far slower than planned: fewer repeats, and the report says so
      this.#cellMs *= Math.max(0.2, Math.min(1.5, left / toGo / took));
    }
  }

  /** All cells of a pair. Returns false when the subject had better not be tried again. */
  async #measurePair(planned: PlannedPair, progress: (doing: string) => void): Promise<boolean> {
    const { subject, subjectModule, placement, cpus, cells } = planned;
    const { signal } = this.#options;
    const number = this.#pairs++;
    let current: PlannedCell | undefined;
    progress(`${subject.id} ${placement}`);
    try {
      await using pair = await Pair.start({
        subject,
        subjectModule,
        cpus,
        directory: join(this.#directory, String(number)),
        name: `bench-${process.pid}-${number}`,
        signal,
      });
      this.#pinnedBy.add(pair.pinnedBy);
      const floors = new Map<string, FloorFigures | undefined>();
      const warm = new Set<Scenario>();
      for (current of cells) {
        const { scenario, messageBytes } = current;
        if (messageBytes > pair.maxMessageBytes) continue;
        progress(
          `${subject.id} ${placement} ${scenario.id} ${messageBytes === 0 ? '' : `${messageBytes} B`}`,
        );
        const figures = await pair.measure(scenario, messageBytes, this.#times(current, !warm.has(scenario)));
        warm.add(scenario);
        const floor = await this.#measureFloor(subject, current, cpus, floors);
        this.#table.add(
          { subject: subject.id, scenario: scenario.id, messageBytes, placement },
          figures,
          floor,
        );
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
    }
  }

  /** The floor of a cell, right after it; once for cells of a pair that share one. */
  async #measureFloor(
    subject: Subject,
    { scenario, messageBytes }: PlannedCell,
    cpus: CpuPair,
    measured: Map<string, FloorFigures | undefined>,
  ): Promise<FloorFigures | undefined> {
    const floorScenario = subject.floor === undefined ? undefined : scenario.floorScenario(subject.floor);
    if (this.#gauge === undefined || subject.floor === undefined || floorScenario === undefined)
      return undefined;
    const key = `${floorScenario} ${messageBytes}`;
    if (!measured.has(key)) {
      const request = { subject: subject.floor, scenario: floorScenario, messageBytes, cpus };
      const durationNs = this.#cellMs * 1e6 * floorShare;
      measured.set(key, await this.#gauge.measure(request, durationNs, this.#options.signal));
    }
    return measured.get(key);
  }

  #times({ scenario, messageBytes }: PlannedCell, isFirst: boolean): CellTimes {
    const cellNs = this.#cellMs * 1e6;
    const needsPercentile = scenario.id.startsWith('round-trip') && messageBytes <= 65_536;
    return {
      warmUpNs: cellNs / 3 + (isFirst ? compilingNs : 0),
      durationNs: (cellNs * 2) / 3,
      leastMessages: needsPercentile ? Math.ceil(leastRoundTrips / this.#options.repeats) : 8,
      mostNs: 4 * cellNs,
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
