import { affinity, setAffinity } from '@ipc/native';
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const module = new URL('../dist/processors.js', import.meta.url).href;

/** How many processors a new process counts for itself and its peers, started on these. */
async function counted(allowed: readonly number[]): Promise<number> {
  const before = affinity();
  setAffinity(allowed);
  try {
    const program = `import { processors } from ${JSON.stringify(module)}; console.log(processors);`;
    const counting = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
    return Number((await counting).stdout);
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
