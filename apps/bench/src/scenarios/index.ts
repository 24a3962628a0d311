import { importOwn, pathOf } from '../own-module.ts';
import type { Scenario } from '../scenario.ts';
import { checkScenario } from '../well-formed.ts';
import { calls } from './calls.ts';
import { connect } from './connect.ts';
import { fanIn } from './fan-in.ts';
import { fanOut } from './fan-out.ts';
import { lockContended, lockCrowded, lockUncontended } from './locks.ts';
import { operationsAlone, operationsTogether } from './operations.ts';
import { handOver, peerGone } from './recovery.ts';
import { roundTripPaced } from './round-trip-paced.ts';
import { roundTripSpinning } from './round-trip-spinning.ts';
import { roundTrip } from './round-trip.ts';
import { throughputBatched } from './throughput-batched.ts';
import { throughputCopied } from './throughput-copied.ts';
import { throughput } from './throughput.ts';
import { wakeUp } from './wake-up.ts';
import { workSharing } from './work-sharing.ts';

/** In the order in which they are measured and printed. */
export const scenarios: readonly Scenario[] = [
  throughput,
  throughputBatched,
  throughputCopied,
  roundTrip,
  roundTripPaced,
  roundTripSpinning,
  wakeUp,
  calls,
  fanOut,
  fanIn,
  workSharing,
  connect,
  peerGone,
  lockUncontended,
  lockContended,
  lockCrowded,
  handOver,
  operationsAlone,
  operationsTogether,
];

/** Scenarios of one's own, in this process. */
const own = new Map<string, Scenario>();

/**
 * Loads a scenario of one's own, which {@link scenarioOf} then knows.
 *
 * @param url - A module that exports `scenario`.
 * @throws {TypeError} It cannot be loaded or exports no well-formed scenario; the message says what is wrong.
 * @throws {RangeError} Its id is taken.
 */
export async function loadScenario(url: string): Promise<Scenario> {
  const loaded = checkScenario(pathOf(url), await importOwn(url, 'scenario'));
  if (scenarios.some(({ id }) => id === loaded.id))
    throw new RangeError(`${pathOf(url)}: there is a scenario ${loaded.id} already`);
  own.set(loaded.id, loaded);
  return loaded;
}

/** `undefined` where this process knows none of that name. */
export function findScenario(id: string): Scenario | undefined {
  return own.get(id) ?? scenarios.find((candidate) => candidate.id === id);
}

/** @throws {RangeError} There is no such scenario. */
export function scenarioOf(id: string): Scenario {
  const scenario = findScenario(id);
  if (scenario === undefined) throw new RangeError(`there is no scenario ${id}`);
  return scenario;
}
