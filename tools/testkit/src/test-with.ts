/** Tests with programs that are not installed everywhere: where one is not, the test is skipped, and says why. */
import { spawnSync } from 'node:child_process';
import { test } from 'vitest';
import { python } from './python.ts';

export function testWith(program: string, name: string, body: () => Promise<void>): void {
  test(name, async (context) => {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) context.skip(`no ${program} here`);
    await body();
  });
}

/** @param body - Is given the command of a Python that runs. */
export function testWithPython(name: string, body: (python: string) => Promise<void>): void {
  test(name, async (context) => {
    if (python === undefined) context.skip('no Python that runs here');
    else await body(python);
  });
}
