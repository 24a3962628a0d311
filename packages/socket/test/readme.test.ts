import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test("the README's example does what its comments say", () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1]?.replaceAll(/<\{[^}]*\}>/g, '') ?? '';
  const directory = mkdtempSync(join(tmpdir(), 'ipc-readme-')); // its name is not unique
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', example], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    env: { ...process.env, XDG_RUNTIME_DIR: directory },
  });
  rmdirSync(directory); // empty: nothing is left
  expect(output).toBe('{ id: 7 }\nundefined\n');
});
