import { affinity, setAffinity } from '@ipc/native';
import { cpus } from 'node:os';
import { expect, test, vi } from 'vitest';

/** How many processors whoever starts on these counts for itself and its peers. */
async function counted(allowed: readonly number[]): Promise<number> {
  const before = affinity();
  setAffinity(allowed);
  try {
    vi.resetModules();
    return (await import('../src/processors.ts')).processors;
  } finally {
    setAffinity(before);
  }
}

test('who is pinned to one processor from the start counts those of the machine, where its peers may be', async () => {
  const [first = 0] = affinity();
  expect(await counted([first])).toBe(cpus().length);
});

test('who may use several counts these', async () => {
  const allowed = affinity().slice(0, 2);
  expect(await counted(allowed)).toBe(allowed.length > 1 ? allowed.length : cpus().length);
});
