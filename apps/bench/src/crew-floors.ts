import { floorScenarios, type FloorFigures } from './floor.ts';
import type { FloorGauge } from './floor-gauge.ts';
import { FLOOR_SHARE } from './pace.ts';
import type { PlannedCell, PlannedCrew } from './planned.ts';

/** The floor beside the cells of a crew: right after each, and once for those that share one. */
export class CrewFloors {
  readonly #gauge: FloorGauge;
  readonly #crew: PlannedCrew;
  readonly #measured = new Map<string, FloorFigures | undefined>();

  constructor(gauge: FloorGauge, crew: PlannedCrew) {
    this.#gauge = gauge;
    this.#crew = crew;
  }

  /** `undefined` where the floor has nothing to compare with. */
  async beside(
    { scenario, messageBytes, cpus }: PlannedCell,
    cellMs: number,
    signal: AbortSignal,
  ): Promise<FloorFigures | undefined> {
    const { subject, followers } = this.#crew;
    if (subject.floor === undefined || followers > 1) return undefined; // the floor is for two
    const floorScenario = scenario.floorScenario(subject.floor);
    if (floorScenario === undefined || floorScenarios.get(subject.floor)?.includes(floorScenario) !== true)
      return undefined;
    const key = `${floorScenario} ${messageBytes} ${String(cpus)}`;
    if (!this.#measured.has(key)) {
      const request = {
        subject: subject.floor,
        scenario: floorScenario,
        messageBytes,
        ...(cpus && { cpus }),
      };
      this.#measured.set(key, await this.#gauge.measure(request, cellMs * 1e6 * FLOOR_SHARE, signal));
    }
    return this.#measured.get(key);
  }
}
