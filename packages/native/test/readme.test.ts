import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import * as native from '@ipc/native';

const folder = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(`${folder}/README.md`, 'utf8');

test('the example of the README prints what it says', async () => {
  const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', example], {
    cwd: folder,
  });
  expect(stdout).toBe('hello 42\n');
});

test('the README names every function', () => {
  for (const [name, value] of Object.entries(native)) {
    if (typeof value === 'function') expect(readme).toContain(`\`${name}`);
  }
});
