/** Measures cells: starts a crew where there is none, rehearses, times, and sets the floor beside. */
import { join } from 'node:path';
import { cellTimes } from './cell-times.ts';
import { Crew, type CellTimes } from './crew.ts';
import { CrewFloors } from './crew-floors.ts';
import type { FloorGauge } from './floor-gauge.ts';
import { LivingCrews } from './living-crews.ts';
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
import type { ResultTable } from './result-table.ts';
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
  /** What is done now. */
  readonly onDoing: (doing: string) => void;
}

/** Larger messages get to know their buffers in the warm-up of their cells. */
const mostRehearsedBytes = 1 << 20;
/** Of a warm-up, what is looked at for itself. */
const mostSliceMs = 35;

export class CellMeter {
  readonly #options: CellMeterOptions;
  readonly #living = new LivingCrews();
  readonly #warm = new WeakSet<Crew>();
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

  /** Starts a crew before it is needed, unless it has failed before. */
  async start(planned: PlannedCrew): Promise<void> {
    const { onDoing, pace } = this.#options;
    if (this.hasFailed(planned)) {
      pace.strikeCrews(1, pathsOf(planned.cells).length);
      return;
    }
    onDoing(`starting ${describeCrew(planned)}`);
    try {
      await this.#start(planned);
    } catch (error) {
      await this.#giveUp(planned, undefined, error as Error);
    }
  }

  /**
   * Some cells of a crew. One that fails is ended and not tried again.
   *
   * @param isPlanned - It is one of the planned repeats.
   */
  async measure(planned: PlannedCrew, cells: readonly PlannedCell[], isPlanned: boolean): Promise<void> {
    const { gauge, misses, onDoing, pace } = this.#options;
    let current: PlannedCell | undefined;
    const left = new Set(isPlanned ? cells : []);
    try {
      const known = this.#living.get(planned);
      if (known === 'failed') return;
      const crew = known ?? (await this.#startNow(planned));
      if (!this.#warm.has(crew)) {
        this.#warm.add(crew);
        for (const [first, ...others] of pathsOf(planned.cells)) {
          for (current of others) await this.#rehearse(planned, current, crew);
          // Last: what the compiler assumes of the first size holds for the others as well, or is corrected by then.
          await this.#warmUp(planned, (current = first), crew);
        }
      }
      const floors = gauge && new CrewFloors(gauge, planned);
      for (current of cells) {
        if (pace.isLate()) {
          misses.leaveOut(
            describeCrew(planned),
            `no time was left for ${left.size} of its figures; see --seconds`,
          );
          break;
        }
        if (current.messageBytes > crew.maxMessageBytes) continue;
        onDoing(describeCell(planned, current));
        await this.#measureCell(planned, current, crew, floors);
        left.delete(current);
      }
    } catch (error) {
      await this.#giveUp(planned, current, error as Error);
    } finally {
      for (const cell of left) pace.strikeCell(cell);
    }
  }

  /** One of its cells has failed: it is not measured any more. */
  hasFailed(planned: PlannedCrew): boolean {
    return this.#living.get(planned) === 'failed';
  }

  /** Ends the processes of all crews; the next measurement of one starts others. */
  async endAll(): Promise<void> {
    const begin = performance.now();
    const living = this.#living.planned();
    await Promise.all(living.map((planned) => this.#end(planned)));
    this.#options.pace.crewsEnded(living.length, performance.now() - begin);
  }

  async #end(planned: PlannedCrew): Promise<void> {
    const { misses, signal } = this.#options;
    const failure = await this.#living.end(planned);
    // Between two cells, or after the last: its figures hold, and it has broken all the same.
    if (failure !== undefined && !signal.aborted) misses.explain(planned, undefined, failure);
  }

  /** While nothing else is started. */
  async #startNow(planned: PlannedCrew): Promise<Crew> {
    const begin = performance.now();
    const crew = await this.#start(planned);
    this.#options.pace.crewsStarted(1, performance.now() - begin);
    return crew;
  }

  async #start(planned: PlannedCrew): Promise<Crew> {
    const { directory, pace, patienceMs, scenarioModules, signal } = this.#options;
    const { subject, subjectModule, followers, cells } = planned;
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
    this.#living.add(planned, crew);
    pace.strikeCrews(1, 0);
    this.#pinnedBy.add(crew.pinnedBy);
    return crew;
  }

  async #giveUp(planned: PlannedCrew, cell: PlannedCell | undefined, error: Error): Promise<void> {
    await this.#living.end(planned, 'failed');
    if (!this.#options.signal.aborted) this.#options.misses.explain(planned, cell, error);
  }

  /** What a crew does for the first time is checked, but not counted: buffers and caches know nothing of its size yet. */
  async #rehearse(planned: PlannedCrew, cell: PlannedCell, crew: Crew): Promise<void> {
    const { onDoing, pace } = this.#options;
    const { messageBytes, placement } = cell;
    if (placement === 'same-core' || messageBytes > Math.min(crew.maxMessageBytes, mostRehearsedBytes))
      return;
    if (pace.isLate()) return;
    onDoing(`rehearsing ${describeCell(planned, cell)}`);
    await crew.measure(cell, this.#times(cell, pace.rehearsalMs));
  }

  /** The compiler has seen nothing of it yet: until its figures grow no more, or its time is up. */
  async #warmUp(planned: PlannedCrew, cell: PlannedCell, crew: Crew): Promise<void> {
    const { onDoing, pace } = this.#options;
    if (cell.messageBytes > crew.maxMessageBytes || pace.isLate()) return;
    onDoing(`warming up ${describeCell(planned, cell)}`);
    const mostMs = pace.mostWarmUpMs;
    const sliceMs = Math.min(mostMs, mostSliceMs);
    const begin = performance.now();
    const rates: number[] = [];
    do rates.push(rateOf(await crew.measure(cell, this.#times(cell, sliceMs))));
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
