import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ipcErrorCodes } from '@ipc/core';
import { uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test("the README's example does what its comments say", () => {
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? '';
  const expected = [...example.matchAll(/console\.log.*\/\/ (.*)/g)].map(([, comment]) => comment);
  const folder = mkdtempSync(join(import.meta.dirname, '../dist-test/readme-')); // where the imports resolve
  const file = join(folder, 'example.mjs');
  // Node 20 has no `using`: the rest runs as it is.
  const closing = '\nfor (const it of [client, server, listener]) await it.close();';
  writeFileSync(
    file,
    example.replaceAll('await using', 'const').replaceAll('orders', uniqueName('readme')) + closing,
  );
  try {
    const printed = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    expect(printed.trim().split('\n')).toEqual(expected);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('names only codes that exist', () => {
  for (const [code] of readme.matchAll(/ERR_IPC_[A-Z_]+/g)) expect(ipcErrorCodes).toHaveProperty(code);
});
