/** Which processors the processes of a crew run on. */
import type { Placement } from './scenario.ts';
import { allowedCpus, readTopology, type Topology } from './topology.ts';

export type CpuPair = readonly [leader: number, follower: number];

/**
 * Two processors for each placement that this machine has; `undefined` for `unpinned`, which every machine has.
 *
 * `cross-core` is the nearest other physical core, and a hardware thread of the same one where there is no other.
 */
export function choosePlacements(
  topology: Topology = readTopology(),
): ReadonlyMap<Placement, CpuPair | undefined> {
  const [first = 0, ...others] = topology.allowed;
  const sameCore = topology.siblings(first);
  const near = topology.cacheMates(first);
  const elsewhere = others.filter((cpu) => !sameCore.includes(cpu));
  const distant = elsewhere.filter((cpu) => !near.includes(cpu));
  const nearby = elsewhere.find((cpu) => near.includes(cpu)) ?? elsewhere[0];
  const found: readonly (readonly [Placement, number | undefined])[] = [
    ['cross-core', nearby ?? others[0]],
    ['smt-sibling', nearby === undefined ? undefined : others.find((cpu) => sameCore.includes(cpu))],
    ['far-core', distant.find((cpu) => topology.socket(cpu) !== topology.socket(first)) ?? distant[0]],
    ['same-core', first],
  ];
  const placements = new Map<Placement, CpuPair | undefined>();
  for (const [placement, cpu] of found) if (cpu !== undefined) placements.set(placement, [first, cpu]);
  // A far core that is the only other one is what `cross-core` is already.
  if (placements.get('far-core')?.[1] === placements.get('cross-core')?.[1]) placements.delete('far-core');
  return placements.set('unpinned', undefined);
}

/** One processor of each physical core, at most so many: first those of different caches, so that all kinds of ways are there. */
export function choosePhysicalCores(most: number, topology: Topology = readTopology()): number[] {
  const cores = topology.allowed.filter((cpu) =>
    topology.allowed.every((other) => other >= cpu || !topology.siblings(cpu).includes(other)),
  );
  const caches = new Map<number, number[]>();
  for (const cpu of cores) {
    const cache = Math.min(...topology.cacheMates(cpu));
    caches.set(cache, [...(caches.get(cache) ?? []), cpu]);
  }
  const chosen: number[] = [];
  for (let round = 0; chosen.length < Math.min(most, cores.length); round++) {
    const next = [...caches.values()].flatMap((mates) => mates.slice(round, round + 1));
    chosen.push(...next.slice(0, most - chosen.length));
  }
  return chosen.sort((a, b) => a - b);
}

/** Where a process of a crew may run: anywhere without a pair; the leader on the first of it, all followers on the other. */
export function cpusOf(cpus: CpuPair | undefined, index: number): readonly number[] {
  return cpus === undefined ? allowedCpus() : [cpus[index === 0 ? 0 : 1]];
}
