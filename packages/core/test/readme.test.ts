import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test("the README's example does what its comments say", () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1]?.replaceAll(/<\{[^}]*\}>/g, '') ?? '';
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', example], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  expect(output).toBe('{ id: 7 }\nundefined\n');
});
