import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

noLockLeaks();

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```ts\n([\s\S]+?)```/g)].map(([, example]) => example ?? '');

test.each(examples)("the README's example %# does what its comments say", (example) => {
  const expected = [...example.matchAll(/console\.log.*\/\/ (.*)/g)].map(([, comment]) => comment);
  expect(expected.length).toBeGreaterThan(0);
  const names = [lockName(), lockName()] as const;
  const file = fileURLToPath(new URL(`../dist-test/readme-${process.pid}.mjs`, import.meta.url));
  const source = example
    .replaceAll(/^(await )?using /gm, 'const ') // Node 20 has no `using`
    .replace("'ledger'", `'${names[0]}'`)
    .replace("'downloads'", `'${names[1]}'`);
  writeFileSync(file, source);
  try {
    const printed = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 50_000 });
    expect(printed.trim().split('\n')).toEqual(expected);
  } finally {
    rmSync(file);
  }
});
