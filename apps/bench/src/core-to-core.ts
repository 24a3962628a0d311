/** What a cache line takes from one core to another: physics, and how steady they are. */
import type { FloorGauge } from './floor-gauge.ts';
import type { CpuPair } from './placement.ts';
import type { CoreMatrix } from './result.ts';

const durationNs = 20e6;

/** Nanoseconds one way; `undefined` where it cannot be measured, or no more because of the signal. */
export async function coreToCoreNs(
  gauge: FloorGauge | undefined,
  cpus: CpuPair | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (gauge === undefined || cpus === undefined || signal.aborted) return undefined;
  const request = { subject: 'cache.line', scenario: 'core-to-core', messageBytes: 0, cpus };
  const figures = await gauge.measure(request, durationNs, signal).catch(() => undefined);
  return figures?.latencyNs?.p50;
}

/** The same between each two of some cores, where there are more than the two that are measured anyway. */
export async function coreMatrix(
  gauge: FloorGauge | undefined,
  cpus: readonly number[],
  signal: AbortSignal,
): Promise<CoreMatrix | undefined> {
  if (cpus.length < 3 || gauge === undefined) return undefined;
  const latencyNs = cpus.map((): (number | null)[] => cpus.map(() => null));
  const put = (row: number, column: number, value: number | null): void => {
    const line = latencyNs[row];
    if (line !== undefined) line[column] = value;
  };
  for (const [row, from] of cpus.entries()) {
    for (const [column, to] of cpus.slice(0, row).entries()) {
      const oneWayNs = (await coreToCoreNs(gauge, [from, to], signal)) ?? null;
      put(row, column, oneWayNs);
      put(column, row, oneWayNs);
    }
  }
  return { cpus, latencyNs };
}
