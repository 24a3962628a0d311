import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ipcErrorCodes } from '@ipc/core';
import * as pipe from '@ipc/pipe';
import { expect, test } from 'vitest';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test("the README's example does what its comment says", () => {
  // Node 20 has neither types nor `using`: the rest runs as it is.
  const example = (/```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? '')
    .replaceAll(/<\{[^}]*\}>/g, '')
    .replace('await using child', 'const child')
    .replace('// { n: 144 }', '\nawait child.close();');
  const folder = mkdtempSync(join(import.meta.dirname, '../dist-test/readme-')); // where the imports resolve
  const file = join(folder, 'example.mjs');
  writeFileSync(file, example);
  const output = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
  rmSync(folder, { recursive: true });
  expect(output).toBe('{ n: 144 }\n');
});

test('names only codes and exports that exist', () => {
  for (const [code] of readme.matchAll(/ERR_IPC_[A-Z_]+/g)) expect(ipcErrorCodes).toHaveProperty(code);
  const table = readme.slice(readme.indexOf('| you want'), readme.indexOf('Everything sends'));
  for (const [, name = ''] of table.matchAll(/`(\w+)\(/g)) expect(pipe).toHaveProperty(name);
});
