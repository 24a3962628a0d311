import type { Scenario } from '../scenario.ts';
import { lockContended, lockUncontended } from './locks.ts';
import { roundTripPaced } from './round-trip-paced.ts';
import { roundTripSpinning } from './round-trip-spinning.ts';
import { roundTrip } from './round-trip.ts';
import { throughputBatched } from './throughput-batched.ts';
import { throughput } from './throughput.ts';
import { wakeUp } from './wake-up.ts';

/** In the order in which they are measured and printed. */
export const scenarios: readonly Scenario[] = [
  throughput,
  throughputBatched,
  roundTrip,
  roundTripPaced,
  roundTripSpinning,
  wakeUp,
  lockUncontended,
  lockContended,
];

/** @throws {RangeError} There is no such scenario. */
export function scenarioOf(id: string): Scenario {
  const scenario = scenarios.find((candidate) => candidate.id === id);
  if (scenario === undefined) throw new RangeError(`there is no scenario ${id}`);
  return scenario;
}
