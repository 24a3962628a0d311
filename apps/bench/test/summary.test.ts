/** The README's figures are those of a committed results file. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderSummary } from '../src/render/summary.ts';
import type { BenchReport } from '../src/result.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** As it reads, however the formatter has laid it out. */
const plain = (text: string): string =>
  text
    .replaceAll(/\s+|-{3,}/g, ' ')
    .replaceAll(/ +:?-+:? +/g, ' ')
    .trim();

test("the README's figures are those of the results file that it names", () => {
  const [, shown = ''] = /<!-- bench:results -->([^]*)<!-- \/bench:results -->/.exec(read('README.md')) ?? [];
  const [, name = ''] = /\((docs\/results\/[^)]*)\.md\)/.exec(shown) ?? [];
  const report = JSON.parse(read(`${name}.json`)) as BenchReport;
  expect(plain(shown)).toBe(plain(renderSummary(report, `${name}.json`)));
});
