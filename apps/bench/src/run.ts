/** A whole run: every planned cell, every repeat, each beside its floor. */
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Crew, type CellTimes } from './crew.ts';
import { observeEnvironment } from './environment.ts';
import { buildFloor, type FloorFigures } from './floor.ts';
import { FloorGauge } from './floor-gauge.ts';
import { FLOOR_SHARE, Pace } from './pace.ts';
import { LivingCrews } from './living-crews.ts';
import { choosePhysicalCores, choosePlacements } from './placement.ts';
import { isInDepth, type Depth } from './depth.ts';
import { plan, workload, type PlannedCell, type PlannedCrew } from './plan.ts';
import {
  resultSchema,
  ResultTable,
  type BenchReport,
  type CoreMatrix,
  type Failure,
  type ResultKey,
  type Skipped,
} from './result.ts';
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
  /** Each repeat starts its own processes; else one crew per subject lives for all, and its compiled code with it. */
  readonly freshCrews: boolean;
  /** The subjects were named by the user: none is left out. */
  readonly isChosen: boolean;
  readonly depth: Depth;
  /** What all of it may take, from the start of the process. */
  readonly budgetMs: number;
  /** See `PaceOptions`. */
  readonly isStrict: boolean;
  readonly onProgress: (progress: Progress) => void;
  /** Ends the run early; what was measured so far is the result. */
  readonly signal: AbortSignal;
}

export interface Progress {
  /** 0..1 of the planned repeats. */
  readonly fraction: number;
  /** Until the time that was given is over; unknown at first. */
  readonly remainingMs?: number;
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

/** At most so many repeats of one figure. */
const mostRepeats = 15;
/** Half an interval in parts of its figure: more repeats would not change what is printed. */
const certainEnough = 0.03;
/** So many cells between two looks at which are the least certain. */
const refinedAtOnce = 12;
/** The floor is C and steady: it is measured beside every other repeat. */
const floorEvery = 2;
/** What starts processes for each sample takes long: it is measured in every other repeat. */
const slowEvery = 2;

/** What a crew is measured in. */
interface Turn {
  /** From 0; `Infinity` beyond those that were planned. */
  readonly repeat: number;
  readonly fraction: number;
  readonly living: LivingCrews;
  readonly pace: Pace;
}

/** The floor's figures for the cells of a crew, by floor scenario, size and processors. */
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
  #crews = 0;
  #repeats = 0;

  constructor(options: RunOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  async report(): Promise<BenchReport> {
    setMaxListeners(0, this.#options.signal); // each living crew has one
    const { depth, messageBytes, repeats, signal } = this.#options;
    await this.#prepareFloor();
    const subjects = await this.#loadSubjects();
    const ownScenarios = await Promise.all(this.#options.scenarioModules.map(loadScenario));
    const crews = plan({
      subjects: subjects.filter(({ subject }) => this.#options.isChosen || isInDepth(subject, depth)),
      scenarios,
      ownScenarios,
      messageBytes,
      placements: this.#placements,
      depth,
    });
    const before = await this.#coreToCoreNs();
    const coreMatrix = await this.#coreMatrix();
    await this.#repeat(crews);
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
          placements: Object.fromEntries([...this.#placements].map(([name, cpus]) => [name, cpus ?? null])),
          pinnedBy: this.#pinnedBy.has(undefined) ? null : pinnedBy,
          skipped: this.#skipped,
          failures: this.#failures,
          coreToCoreNs: before === undefined || after === undefined ? null : { before, after },
          ...(coreMatrix && { coreMatrix }),
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

  async #repeat(crews: readonly PlannedCrew[]): Promise<void> {
    const { freshCrews, repeats, signal } = this.#options;
    const refines = repeats > 1 && !freshCrews;
    const pace = new Pace(workload(crews, repeats, freshCrews), { ...this.#options, refines });
    const living = new LivingCrews();
    try {
      if (!freshCrews) await this.#startAll(crews, living, pace);
      for (let repeat = 0; repeat < repeats && !isAborted(signal); repeat++) {
        for (const [index, crew] of crews.entries()) {
          if (isAborted(signal)) return;
          // A machine far slower than planned: fewer repeats, and the report says so.
          if (repeat > 0 && pace.isOver()) return;
          if (pace.isLate()) {
            this.#skipped.push({ subject: describeCrew(crew), reason: 'no time was left; see --seconds' });
            continue;
          }
          const fraction = (repeat + index / crews.length) / repeats;
          await this.#measureCrew(crew, crew.cells, { repeat, fraction, living, pace });
          if (freshCrews) await living.end(crew);
        }
        this.#repeats = repeat + 1;
      }
      if (refines) await this.#refine(crews, living, pace);
    } finally {
      await living.endAll();
    }
  }

  /** Several at a time: starting is work for one processor, and nothing is measured yet. */
  async #startAll(crews: readonly PlannedCrew[], living: LivingCrews, pace: Pace): Promise<void> {
    const waiting = [...crews];
    const startSome = async (): Promise<void> => {
      for (let crew = waiting.shift(); crew !== undefined && !pace.isLate(); crew = waiting.shift()) {
        this.#tell(0, pace, `starting ${describeCrew(crew)}`);
        try {
          await this.#start(crew, living, pace);
        } catch (error) {
          await this.#giveUp(crew, undefined, living, error as Error);
        }
        if (isAborted(this.#options.signal)) return;
      }
    };
    await Promise.all(this.#environment.cpu.allowed.slice(0, 8).map(startSome));
  }

  /** While there is time: once more what is least certain. */
  async #refine(crews: readonly PlannedCrew[], living: LivingCrews, pace: Pace): Promise<void> {
    const all = crews.flatMap((crew) => crew.cells.map((cell) => ({ crew, cell })));
    const errorOf = ({ crew, cell }: (typeof all)[number]): number =>
      cell.scenario.slow === true ? 0 : this.#table.uncertainty(keyOf(crew, cell), mostRepeats);
    while (!isAborted(this.#options.signal)) {
      const widest = all
        .filter((one) => errorOf(one) > certainEnough)
        .sort((a, b) => errorOf(b) - errorOf(a))
        .slice(0, refinedAtOnce);
      if (widest.length === 0 || !pace.hasTimeFor(widest.length)) return;
      for (const { crew, cell } of widest) {
        await this.#measureCrew(crew, [cell], { repeat: Infinity, fraction: 1, living, pace });
      }
    }
  }

  /** Some cells of a crew. One that fails is ended and not tried again. */
  async #measureCrew(
    planned: PlannedCrew,
    cells: readonly PlannedCell[],
    { repeat, fraction, living, pace }: Turn,
  ): Promise<void> {
    let current: PlannedCell | undefined;
    let left = repeat === Infinity ? 0 : cells.length;
    try {
      const known = living.get(planned);
      if (known === 'failed') return;
      const crew = known ?? (await this.#start(planned, living, pace));
      if (repeat === 0 || known === undefined) {
        for (current of planned.cells) await this.#rehearse(planned, current, crew, { fraction, pace });
      }
      const floors: Floors = new Map();
      const withFloor = repeat % floorEvery === 0 || this.#options.freshCrews;
      for (current of cells) {
        if (current.messageBytes > crew.maxMessageBytes) continue;
        if (current.scenario.slow === true && repeat % slowEvery !== 0) continue;
        this.#tell(fraction, pace, describeCell(planned, current));
        await this.#measureCell(planned, current, crew, pace, withFloor ? floors : undefined);
        left--;
      }
    } catch (error) {
      await this.#giveUp(planned, current, living, error as Error);
    } finally {
      pace.strike({ cells: Math.max(0, left) });
    }
  }

  async #giveUp(
    planned: PlannedCrew,
    cell: PlannedCell | undefined,
    living: LivingCrews,
    error: Error,
  ): Promise<void> {
    await living.end(planned, 'failed');
    if (!this.#options.signal.aborted) this.#explain(planned, cell, error);
  }

  /** Why a crew could not be opened, or failed in a cell. */
  #explain({ subject, cells }: PlannedCrew, cell: PlannedCell | undefined, error: Error): void {
    const { code, message: reason } = error as Error & { code?: string };
    if (cell === undefined && isMissing(code)) {
      this.#skipped.push({ subject: subject.id, reason });
      return;
    }
    const where = cell === undefined ? {} : { scenario: cell.scenario.id, messageBytes: cell.messageBytes };
    const placement = (cell ?? cells[0])?.placement ?? 'same-core';
    this.#failures.push({ subject: subject.id, placement, ...where, reason });
  }

  async #start(planned: PlannedCrew, living: LivingCrews, pace: Pace): Promise<Crew> {
    const { subject, subjectModule, followers, cells } = planned;
    const number = this.#crews++;
    const begin = performance.now();
    const crew = await Crew.start({
      subject,
      subjectModule,
      followers,
      cpus: cells[0]?.cpus,
      scenarioModules: this.#options.scenarioModules,
      directory: join(this.#directory, String(number)),
      name: `bench-${process.pid}-${number}`,
      signal: this.#options.signal,
    });
    living.add(planned, crew);
    pace.strike({ crews: 1 });
    pace.crewTook(performance.now() - begin);
    this.#pinnedBy.add(crew.pinnedBy);
    return crew;
  }

  /** What a crew does for the first time is checked, but not counted: the compiler has seen nothing of it yet. */
  async #rehearse(
    planned: PlannedCrew,
    cell: PlannedCell,
    crew: Crew,
    { fraction, pace }: Pick<Turn, 'fraction' | 'pace'>,
  ): Promise<void> {
    const { scenario, messageBytes, placement } = cell;
    if (scenario.slow === true || messageBytes > crew.maxMessageBytes) return;
    const path = scenario.warmedBy ?? scenario.id;
    const isFirst = !crew.warm.has(path);
    crew.warm.add(path);
    if (isFirst) pace.strike({ warmUps: 1 });
    else if (placement === 'same-core') return;
    this.#tell(fraction, pace, `rehearsing ${describeCell(planned, cell)}`);
    await crew.measure(cell, this.#times(cell, isFirst ? pace.compilingMs : pace.rehearsalMs));
  }

  async #measureCell(
    planned: PlannedCrew,
    cell: PlannedCell,
    crew: Crew,
    pace: Pace,
    floors: Floors | undefined,
  ): Promise<void> {
    const cellMs = pace.cellMs();
    const begin = performance.now();
    const figures = await crew.measure(cell, this.#times(cell, cellMs));
    const floor = floors === undefined ? undefined : await this.#measureFloor(planned, cell, cellMs, floors);
    pace.cellDone(cellMs, performance.now() - begin);
    const key = keyOf(planned, cell);
    if (isMeasured(figures)) this.#table.add(key, figures, floor);
    else
      this.#failures.push({
        ...key,
        reason: `no operation was finished in the ${Math.round(cellMs)} ms of a cell`,
      });
  }

  /** The floor of a cell, right after it; once for cells of a crew that share one. */
  async #measureFloor(
    { subject, followers }: PlannedCrew,
    { scenario, messageBytes, cpus }: PlannedCell,
    cellMs: number,
    measured: Floors,
  ): Promise<FloorFigures | undefined> {
    const floorScenario = subject.floor === undefined ? undefined : scenario.floorScenario(subject.floor);
    if (this.#gauge === undefined || subject.floor === undefined || floorScenario === undefined)
      return undefined;
    if (followers > 1) return undefined; // the floor is for two
    const key = `${floorScenario} ${messageBytes} ${String(cpus)}`;
    if (!measured.has(key)) {
      const request = {
        subject: subject.floor,
        scenario: floorScenario,
        messageBytes,
        ...(cpus && { cpus }),
      };
      const durationNs = cellMs * 1e6 * FLOOR_SHARE;
      measured.set(key, await this.#gauge.measure(request, durationNs, this.#options.signal));
    }
    return measured.get(key);
  }

  #times({ scenario, messageBytes }: PlannedCell, cellMs: number): CellTimes {
    const cellNs = cellMs * 1e6;
    return {
      warmUpNs: cellNs / 3,
      durationNs: (cellNs * 2) / 3,
      leastMessages: scenario.id.startsWith('round-trip')
        ? Math.ceil(leastRoundTrips / this.#options.repeats)
        : leastOneWay(messageBytes),
      mostNs: Math.max(4 * cellNs, 150e6),
    };
  }

  /** A line of progress; `fraction` is of the planned repeats. */
  #tell(fraction: number, pace: Pace, doing: string): void {
    this.#options.onProgress({ fraction, remainingMs: pace.remainingMs(), doing });
  }

  async #coreToCoreNs(cpus = this.#placements.get('cross-core')): Promise<number | undefined> {
    if (this.#gauge === undefined || cpus === undefined || this.#options.signal.aborted) return undefined;
    const request = { subject: 'cache.line', scenario: 'core-to-core', messageBytes: 0, cpus };
    const figures = await this.#gauge.measure(request, 20e6, this.#options.signal).catch(() => undefined);
    return figures?.latencyNs?.p50;
  }

  /** Between each two cores, where there are more than the two that are measured anyway. */
  async #coreMatrix(): Promise<CoreMatrix | undefined> {
    const cpus = choosePhysicalCores(this.#options.depth === 'full' ? 16 : 6);
    if (cpus.length < 3 || this.#gauge === undefined) return undefined;
    const latencyNs = cpus.map((): (number | null)[] => cpus.map(() => null));
    for (const [row, from] of cpus.entries()) {
      for (const [column, to] of cpus.entries()) {
        if (column >= row) continue;
        const oneWayNs = (await this.#coreToCoreNs([from, to])) ?? null;
        for (const [a, b] of [
          [row, column],
          [column, row],
        ] as const) {
          const line = latencyNs[a];
          if (line !== undefined) line[b] = oneWayNs;
        }
      }
    }
    return { cpus, latencyNs };
  }
}

/** A function, because it changes while something is awaited and the compiler does not know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function describeCrew({ subject, followers }: PlannedCrew): string {
  return followers === 1 ? subject.id : `${subject.id} with ${followers} followers`;
}

function describeCell(crew: PlannedCrew, { scenario, messageBytes, placement }: PlannedCell): string {
  const size = messageBytes === 0 ? [] : [formatSize(messageBytes)];
  return [describeCrew(crew), placement, scenario.id, ...size].join(' ');
}

function keyOf({ subject, followers }: PlannedCrew, cell: PlannedCell): ResultKey {
  const { scenario, messageBytes, placement } = cell;
  const base = { subject: subject.id, scenario: scenario.id, messageBytes, placement };
  return followers === 1 && scenario.followers === undefined ? base : { ...base, followers };
}

/** Not a failure: what was not installed, or what this machine does not offer. */
function isMissing(code: string | undefined): boolean {
  return code === 'ERR_IPC_UNSUPPORTED' || code === 'ERR_MODULE_NOT_FOUND';
}

/** A cell in which nothing was finished has no figure, not one of 0. */
function isMeasured({ messagesPerSecond, operationsPerSecond, latencyNs }: Figures): boolean {
  const figure = messagesPerSecond ?? operationsPerSecond ?? latencyNs?.length ?? 0;
  return figure > 0 && Number.isFinite(figure);
}
