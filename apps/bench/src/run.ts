/** A whole run: what is planned, the floor and the cores beside it, and the report of it. */
import { CellMeter } from './cell-meter.ts';
import { coreMatrix, coreToCoreNs } from './core-to-core.ts';
import { isInDepth, type Depth } from './depth.ts';
import { observeEnvironment } from './environment.ts';
import { FloorGauge } from './floor-gauge.ts';
import { buildFloor } from './floor.ts';
import { Misses } from './misses.ts';
import { Pace } from './pace.ts';
import { choosePhysicalCores, choosePlacements, type CpuPair } from './placement.ts';
import { plan, workload } from './plan.ts';
import type { PlannedCrew } from './planned.ts';
import { measureRepeatedly } from './repeats.ts';
import { processorTime, stolenFraction } from './processor-time.ts';
import { resultSchema, type BenchReport } from './result.ts';
import { ResultTable, type Estimate } from './result-table.ts';
import { RunDirectory } from './run-directory.ts';
import type { Placement } from './scenario.ts';
import { loadScenario, scenarios } from './scenarios/index.ts';
import type { Subject } from './subject.ts';
import { loadSubject, subjectIds } from './subjects/index.ts';
import { UsageError } from './usage-error.ts';

export interface RunOptions {
  /** Ids, or URLs of modules. */
  readonly subjects: readonly string[];
  /** URLs of modules of scenarios of one's own: every subject of their kind is measured by them as well. */
  readonly scenarioModules: readonly string[];
  /** Ids of the bench's own scenarios, if not all of a subject are to be measured. */
  readonly scenarioIds: readonly string[] | undefined;
  readonly messageBytes: readonly number[];
  /** The sizes were named by the user: every scenario that carries messages has all of them. */
  readonly areSizesChosen: boolean;
  readonly repeats: number;
  /** The subjects were named by the user: none is left out. */
  readonly isChosen: boolean;
  readonly depth: Depth;
  /** What all of it may take, from the start of the process. */
  readonly budgetMs: number;
  /** How long a measured process may be silent before it is said to hang, is killed, and the others are measured. */
  readonly patienceMs: number;
  /** See `PaceOptions`. */
  readonly isStrict: boolean;
}

export interface RunWatch {
  readonly onProgress: (progress: Progress) => void;
  /** A crew was measured. What is known so far is for who keeps it; nothing is measured meanwhile. */
  readonly onMeasured: (soFar: () => BenchReport) => Promise<void>;
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
  /** Its figure so far, from the repeats before. */
  readonly estimate?: Estimate | undefined;
}

/**
 * Measures.
 *
 * @returns The report, complete or not: see `environment.run`.
 * @throws {UsageError} A module of the user's own cannot be loaded.
 */
export async function run(options: RunOptions, watch: RunWatch): Promise<BenchReport> {
  await using directory = await RunDirectory.make();
  return await measure(options, watch, directory.path);
}

async function measure(options: RunOptions, watch: RunWatch, directory: string): Promise<BenchReport> {
  const { patienceMs, repeats, scenarioModules } = options;
  const { onMeasured, onProgress, signal } = watch;
  const environment = observeEnvironment();
  const timeBefore = processorTime();
  const misses = new Misses();
  const table = new ResultTable();
  onProgress({ fraction: 0, doing: 'building the C floor' });
  const [gauge, { crews, placements, pace }] = await Promise.all([
    prepareFloor(misses),
    prepare(options, misses),
  ]);

  const pair = placements.get('cross-core');
  const before = await coreToCoreNs(gauge, pair, signal);
  const matrix = await coreMatrix(gauge, choosePhysicalCores(options.depth === 'full' ? 16 : 6), signal);
  let fraction = 0;
  const onDoing = (doing: string, estimate?: Estimate): void => {
    onProgress({ fraction, remainingMs: pace.remainingMs(), doing, estimate });
  };
  const context = { repeats, pace, table, misses, signal };
  const meter = new CellMeter({ ...context, directory, patienceMs, scenarioModules, gauge, onDoing });
  const reportOf = (wholeRepeats: number, isOver: boolean, after?: number): BenchReport => ({
    schema: resultSchema,
    environment: {
      ...environment,
      run: {
        startedAt: new Date(performance.timeOrigin).toISOString(),
        durationMs: Math.round(performance.now()),
        complete: isOver && !signal.aborted && misses.failures.length === 0,
        repeats: wholeRepeats,
        depth: options.depth,
        placements: Object.fromEntries([...placements].map(([name, cpus]) => [name, cpus ?? null])),
        pinnedBy: meter.pinnedBy,
        skipped: misses.skipped,
        failures: misses.failures,
        coreToCoreNs: before === undefined || after === undefined ? null : { before, after },
        stolen: stolenFraction(timeBefore, processorTime()),
        ...(matrix && { coreMatrix: matrix }),
      },
    },
    results: table.results(),
  });
  const wholeRepeats = await measureRepeatedly({
    ...{ ...context, crews, meter },
    onFraction: (done) => (fraction = done),
    onMeasured: (done) => onMeasured(() => reportOf(done, false)),
  });
  return reportOf(wholeRepeats, true, await coreToCoreNs(gauge, pair, signal));
}

/** What a run would do. */
export interface Preview {
  readonly crews: readonly PlannedCrew[];
  readonly repeats: number;
  /** Processes to be started, over all repeats. */
  readonly processes: number;
  /** About what it takes. */
  readonly expectedMs: number;
  /** About how long each cell is measured. */
  readonly cellMs: number;
  readonly skipped: Misses['skipped'];
}

/** Plans a run, and measures nothing. */
export async function preview(options: RunOptions): Promise<Preview> {
  const misses = new Misses();
  const { crews, pace } = await prepare(options, misses, 0);
  const together = crews.reduce((sum, { followers }) => sum + 1 + followers, 0);
  return {
    crews,
    repeats: options.repeats,
    processes: options.repeats * together,
    expectedMs: pace.expectedMs(0),
    cellMs: pace.cellMs(0),
    skipped: misses.skipped,
  };
}

interface Prepared {
  readonly crews: readonly PlannedCrew[];
  readonly placements: ReadonlyMap<Placement, CpuPair | undefined>;
  readonly pace: Pace;
}

async function prepare(options: RunOptions, misses: Misses, nowMs?: number): Promise<Prepared> {
  const { areSizesChosen, depth, isChosen, messageBytes, repeats, scenarioIds } = options;
  const subjects = await loadSubjects(options.subjects, misses);
  const ownScenarios = await Promise.all(
    options.scenarioModules.map((url) => loadScenario(url).catch(refuse('--scenario'))),
  );
  const placements = choosePlacements();
  const crews = plan({
    subjects: subjects.filter(({ subject }) => isChosen || isInDepth(subject, depth)),
    scenarios: scenarios.filter(({ id }) => scenarioIds?.includes(id) !== false),
    areScenariosChosen: scenarioIds !== undefined,
    ...{ ownScenarios, messageBytes, areSizesChosen, placements, depth },
  });
  const pace = new Pace(workload(crews, repeats), { ...options, refines: repeats > 1 }, nowMs);
  return { crews, placements, pace };
}

async function prepareFloor(misses: Misses): Promise<FloorGauge | undefined> {
  const floor = await buildFloor({
    explain: (reason) => {
      misses.leaveOut('C floor', reason);
    },
  });
  return floor === undefined ? undefined : new FloorGauge(floor);
}

async function loadSubjects(
  modules: readonly string[],
  misses: Misses,
): Promise<{ module: string; subject: Subject }[]> {
  const subjects: { module: string; subject: Subject }[] = [];
  for (const module of modules) {
    try {
      subjects.push({ module, subject: await loadSubject(module) });
    } catch (error) {
      if (!subjectIds.includes(module)) refuse('--subject')(error as Error);
      misses.leaveOut(module, (error as Error).message);
    }
  }
  return subjects;
}

/** A module of the user's own, which was asked for, cannot be left out. */
function refuse(option: string): (error: Error) => never {
  return ({ message }) => {
    throw new UsageError(`${option}: ${message}`);
  };
}
