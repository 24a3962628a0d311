/** Machines as their kernels tell of them: trees like /sys/devices/system/cpu. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { choosePhysicalCores, choosePlacements, cpusOf } from '../src/placement.ts';
import { allowedCpus, parseCpuList, readTopology, type Topology } from '../src/topology.ts';

const scratch = mkdtempSync(join(tmpdir(), 'topology-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

interface Cpu {
  readonly siblings: string;
  readonly socket: number;
  /** Who shares its last level of cache; without, the kernel tells of no caches. */
  readonly cache?: string;
}

/** Writes the files that the kernel would show, and reads them. */
function machine(name: string, cpus: readonly Cpu[], allowed = cpus.map((_, cpu) => cpu)): Topology {
  const root = join(scratch, name);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  };
  for (const [cpu, { siblings, socket, cache }] of cpus.entries()) {
    write(`cpu${cpu}/topology/thread_siblings_list`, siblings);
    write(`cpu${cpu}/topology/physical_package_id`, String(socket));
    if (cache === undefined) continue;
    for (const [index, [level, mates]] of Object.entries([
      ['1', siblings],
      ['1', siblings],
      ['2', siblings],
      ['3', cache],
    ])) {
      write(`cpu${cpu}/cache/index${index}/level`, level ?? '');
      write(`cpu${cpu}/cache/index${index}/shared_cpu_list`, mates ?? '');
    }
  }
  return readTopology(allowed, root);
}

/** Two sockets of four cores with two threads each: threads of a core are n and n + 8. */
const twoSockets = machine(
  'two-sockets',
  Array.from({ length: 16 }, (_, cpu) => {
    const core = cpu % 8;
    const socket = core >> 2;
    const cache = socket === 0 ? '0-3,8-11' : '4-7,12-15';
    return { siblings: `${core},${core + 8}`, socket, cache };
  }),
);
/** One socket of two core complexes with a cache each, no threads. */
const complexes = machine(
  'complexes',
  Array.from({ length: 8 }, (_, cpu) => ({ siblings: `${cpu}`, socket: 0, cache: cpu < 4 ? '0-3' : '4-7' })),
);
const twoThreads = machine('two-threads', [
  { siblings: '0-1', socket: 0, cache: '0-1' },
  { siblings: '0-1', socket: 0, cache: '0-1' },
]);

const entries = (topology: Topology): Record<string, unknown> =>
  Object.fromEntries(choosePlacements(topology));

test('lists of processors', () => {
  expect(parseCpuList('0-2,5')).toEqual([0, 1, 2, 5]);
  expect(parseCpuList('3\n')).toEqual([3]);
  expect(parseCpuList('')).toEqual([]);
});

describe('placements', () => {
  test('of two sockets with threads: all of them', () => {
    expect(entries(twoSockets)).toEqual({
      'cross-core': [0, 1],
      'smt-sibling': [0, 8],
      'far-core': [0, 4],
      'same-core': [0, 0],
      unpinned: undefined,
    });
  });

  test('of one socket with two caches: the far core is of the other cache', () => {
    expect(entries(complexes)).toEqual({
      'cross-core': [0, 1],
      'far-core': [0, 4],
      'same-core': [0, 0],
      unpinned: undefined,
    });
  });

  test('of two threads of one core: they are the two that there are', () => {
    expect(entries(twoThreads)).toEqual({ 'cross-core': [0, 1], 'same-core': [0, 0], unpinned: undefined });
  });

  test('of what may be used, not of what there is', () => {
    expect(entries(readTopologyOf(twoSockets, [1, 5, 9]))).toEqual({
      'cross-core': [1, 5],
      'smt-sibling': [1, 9],
      'same-core': [1, 1],
      unpinned: undefined,
    });
  });

  test('of one processor, or of a kernel that tells nothing', () => {
    expect(entries(readTopology([4], '/nowhere'))).toEqual({ 'same-core': [4, 4], unpinned: undefined });
    expect(entries(readTopology([0, 1], '/nowhere'))).toMatchObject({ 'cross-core': [0, 1] });
    expect(() => readTopology([], '/nowhere')).toThrow(RangeError);
  });
});

test('a matrix has one thread of each core, and all caches before many cores', () => {
  expect(choosePhysicalCores(16, twoSockets)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(choosePhysicalCores(4, twoSockets)).toEqual([0, 1, 4, 5]);
  expect(choosePhysicalCores(3, complexes)).toEqual([0, 1, 4]);
  expect(choosePhysicalCores(8, twoThreads)).toEqual([0]);
});

test('the leader is on the first, all followers on the other, and without a pair everybody everywhere', () => {
  expect([0, 1, 2].map((index) => cpusOf([3, 7], index))).toEqual([[3], [7], [7]]);
  expect(cpusOf(undefined, 1)).toEqual(allowedCpus());
});

function readTopologyOf(topology: Topology, allowed: readonly number[]): Topology {
  return { ...topology, allowed };
}
