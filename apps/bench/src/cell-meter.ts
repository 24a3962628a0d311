/** Measures cells: starts a crew for them, warms it up, times, sets the floor beside, and ends it. */
import { join } from 'node:path';
import { cellTimes } from './cell-times.ts';
import { Crew, type CellTimes } from './crew.ts';
import { CrewFloors } from './crew-floors.ts';
import type { FloorGauge } from './floor-gauge.ts';
import type { Misses } from './misses.ts';
import type { Pace } from './pace.ts';
import {
  cellFacts,
  describeCell,
  describeCrew,
  keyOf,
  pathsOf,
  type PlannedCell,
  type PlannedCrew,
} from './planned.ts';
import type { Estimate, ResultTable } from './result-table.ts';
import type { Figures } from './scenario.ts';
import { isWarm, rateOf } from './warm-up.ts';

export interface CellMeterOptions {
  /** Where each crew gets a directory. */
  readonly directory: string;
  /** URLs of modules of scenarios of one's own. */
  readonly scenarioModules: readonly string[];
  /** How long a process may be silent before it is said to hang. */
  readonly patienceMs: number;
  /** How many repeats are planned. */
  readonly repeats: number;
  readonly pace: Pace;
  /** Without, there is no floor. */
  readonly gauge: FloorGauge | undefined;
  readonly table: ResultTable;
  readonly misses: Misses;
  readonly signal: AbortSignal;
  /** What is done now, and the figure so far of what is measured. */
  readonly onDoing: (doing: string, estimate?: Estimate) => void;
}

/** Of a warm-up, what is looked at for itself. */
const mostSliceMs = 15;

export class CellMeter {
  readonly #options: CellMeterOptions;
  readonly #failed = new Set<PlannedCrew>();
  readonly #pinnedBy = new Set<string | undefined>();
  #crews = 0;

  constructor(options: CellMeterOptions) {
    this.#options = options;
  }

  /** How all processes were kept on their processors; `null` where one was not. */
  get pinnedBy(): string | null {
    const [first = null] = this.#pinnedBy;
    return this.#pinnedBy.has(undefined) ? null : first;
  }

  /** Some cells of a crew, whose processes are started for them and end after them. Who fails is not tried again. */
  async measure(planned: PlannedCrew, cells: readonly PlannedCell[]): Promise<void> {
    if (cells.length === 0) return;
    const { pace } = this.#options;
    const left = [...cells];
    if (this.hasFailed(planned)) {
      pace.strikeCrew(pathsOf(cells).length);
    } else {
      const begin = performance.now();
      const busyMs = await this.#measureIn(planned, cells, left);
      pace.crewTook(performance.now() - begin - busyMs);
    }
    for (const cell of left) pace.strikeCell(cell);
  }

  /** It could not be started, or one of its cells has failed: it is not measured any more. */
  hasFailed(planned: PlannedCrew): boolean {
    return this.#failed.has(planned);
  }

  /**
   * @param left - What is measured is taken from it.
   * @returns For how long it was neither starting nor ending.
   */
  async #measureIn(
    planned: PlannedCrew,
    cells: readonly PlannedCell[],
    left: PlannedCell[],
  ): Promise<number> {
    const { gauge, misses, onDoing, pace, table } = this.#options;
    let current: PlannedCell | undefined;
    let crew: Crew | undefined;
    let failure: Error | undefined;
    let begin = performance.now();
    try {
      onDoing(`starting ${describeCrew(planned)}`);
      crew = await this.#start(planned, cells);
      begin = performance.now();
      const floors = gauge && new CrewFloors(gauge, planned);
      const { maxMessageBytes } = crew;
      const fitting = cells.filter(({ messageBytes }) => messageBytes <= maxMessageBytes);
      const slow = fitting.filter(({ scenario }) => scenario.slow === true);
      // Each path right after it was warmed: another would make the compiler think again of what they share.
      for (const path of [...pathsOf(fitting), slow]) {
        for (current of path) {
          if (pace.isLate()) break;
          if (path !== slow && current === path[0]) await this.#warmUp(planned, current, crew);
          onDoing(describeCell(planned, current), table.estimate(keyOf(planned, current)));
          await this.#measureCell(planned, current, crew, floors);
          left.splice(left.indexOf(current), 1);
        }
      }
      const late = fitting.filter((cell) => left.includes(cell)).length;
      if (late > 0)
        misses.leaveOut(describeCrew(planned), `no time was left for ${late} of its figures; see --seconds`);
      current = undefined;
    } catch (error) {
      failure = error as Error;
    }
    const busyMs = performance.now() - begin;
    await crew?.[Symbol.asyncDispose]();
    // Between two cells, or after the last: its figures hold, and it has broken all the same.
    failure ??= crew?.failure;
    if (failure !== undefined) {
      this.#failed.add(planned);
      if (!this.#options.signal.aborted) misses.explain(planned, current, failure);
    }
    return crew === undefined ? 0 : busyMs;
  }

  async #start(planned: PlannedCrew, cells: readonly PlannedCell[]): Promise<Crew> {
    const { directory, patienceMs, scenarioModules, signal } = this.#options;
    const { subject, subjectModule, followers } = planned;
    const number = this.#crews++;
    const crew = await Crew.start({
      subject,
      subjectModule,
      followers,
      cpus: cells[0]?.cpus,
      scenarioModules,
      directory: join(directory, String(number)),
      name: `bench-${process.pid}-${number}`,
      patienceMs,
      signal,
    });
    this.#pinnedBy.add(crew.pinnedBy);
    return crew;
  }

  /** The compiler has seen nothing of it yet: until its figures grow no more, or its time is up. */
  async #warmUp(planned: PlannedCrew, cell: PlannedCell, crew: Crew): Promise<void> {
    const { onDoing, pace } = this.#options;
    onDoing(`warming up ${describeCell(planned, cell)}`);
    const mostMs = pace.mostWarmUpMs;
    const sliceMs = Math.min(mostMs, mostSliceMs);
    const begin = performance.now();
    const rates: number[] = [];
    const { warmUpNs, durationNs } = this.#times(cell, sliceMs);
    // No least number of messages: who is slow because it is cold would get stuck in its first slice. And who comes late is warm later.
    const times = { leadNs: warmUpNs, warmUpNs, durationNs, leastMessages: 1, mostNs: sliceMs * 1e6 };
    do rates.push(rateOf(await crew.measure(cell, times)));
    while (!isWarm(rates) && performance.now() + sliceMs < begin + mostMs);
    pace.warmUpTook(performance.now() - begin);
  }

  async #measureCell(
    planned: PlannedCrew,
    cell: PlannedCell,
    crew: Crew,
    floors: CrewFloors | undefined,
  ): Promise<void> {
    const { misses, pace, signal, table } = this.#options;
    const cellMs = pace.cellMs();
    const begin = performance.now();
    const figures = await crew.measure(cell, this.#times(cell, cellMs));
    const floor = await floors?.beside(cell, cellMs, signal);
    pace.cellDone(cell, cellMs, performance.now() - begin);
    if (isMeasured(figures)) {
      table.add(keyOf(planned, cell), { figures, floor, crew });
      return;
    }
    const reason = `no operation was finished in the ${Math.round(cellMs)} ms of a cell`;
    misses.fail({ subject: planned.subject.id, ...cellFacts(cell), reason });
  }

  #times(cell: PlannedCell, cellMs: number): CellTimes {
    return cellTimes(cell, cellMs, this.#options.repeats);
  }
}

/** A cell in which nothing was finished has no figure, not one of 0. */
function isMeasured({ messagesPerSecond, operationsPerSecond, latencyNs }: Figures): boolean {
  const figure = messagesPerSecond ?? operationsPerSecond ?? latencyNs?.length ?? 0;
  return figure > 0 && Number.isFinite(figure);
}
