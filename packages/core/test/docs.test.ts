import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ipcErrorCodes } from '@ipc/core';

const read = (path: string): string =>
  readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');

test('docs/errors.md lists every code with its meaning, and no other', () => {
  const rows = [...read('errors.md').matchAll(/^\| `(ERR_IPC_\w+)` *\| (.+?) *\|$/gm)].map(
    ([, code, meaning]) => [code, meaning],
  );
  expect(Object.fromEntries(rows)).toEqual(ipcErrorCodes);
});

test('docs/contract.md lists every clause of the contract', () => {
  const source = readFileSync(new URL('../src/channel.ts', import.meta.url), 'utf8');
  const clauses = (text: string, row: RegExp): (string | undefined)[] =>
    [...text.matchAll(row)].map(([, clause]) => clause);
  expect(clauses(read('contract.md'), /^\| (C\d+) /gm)).toEqual(clauses(source, /^ \* - (C\d+) /gm));
});
