import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test("the README's example does what its comments say", () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? '';
  const name = `readme-${process.pid}`;
  const expected = [...example.matchAll(/console\.log.*\/\/ (.*)/g)].map(([, comment]) => comment);
  const file = fileURLToPath(new URL(`../dist-test/${name}.mjs`, import.meta.url));
  writeFileSync(file, example.replace('using jobs', 'const jobs').replace("'jobs'", `'${name}'`)); // Node 20 has no `using`
  try {
    const printed = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    expect(printed.trim().split('\n')).toEqual(expected);
  } finally {
    rmSync(file);
  }
});
