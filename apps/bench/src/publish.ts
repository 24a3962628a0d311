/**
 * For those who release: puts a result into docs/results, and its figures into the README.
 *
 *     node apps/bench/dist/publish.js [result.json]
 *
 * The result goes by commit, machine and Node version. What the README said of an earlier one between its two marks
 * is replaced, so that all its figures come from one committed file.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderMarkdown } from './render/markdown.ts';
import { renderSummary } from './render/summary.ts';
import { readReport } from './report-file.ts';
import type { BenchReport } from './result.ts';

const root = new URL('../../../', import.meta.url);
const latest = fileURLToPath(new URL('../build/results/latest.json', import.meta.url));
const marks = /(<!-- bench:results -->\n)[^]*(\n<!-- \/bench:results -->)/;

const report = readReport(process.argv[2] ?? latest);
const source = `docs/results/${nameOf(report)}.json`;
mkdirSync(new URL('docs/results/', root), { recursive: true });
writeFileSync(new URL(source, root), `${JSON.stringify(report)}\n`);
writeFileSync(new URL(source.replace(/json$/, 'md'), root), renderMarkdown(report));

const readme = new URL('README.md', root);
const before = readFileSync(readme, 'utf8');
if (!marks.test(before)) throw new Error('README.md has no marks bench:results and /bench:results');
writeFileSync(
  readme,
  before.replace(
    marks,
    (_, begin: string, end: string) => `${begin}\n${renderSummary(report, source)}\n${end}`,
  ),
);
execFileSync('npx', ['prettier', '--write', 'README.md', 'docs/results'], { cwd: root, stdio: 'inherit' });

/** Such as `0123abcd.intel-xeon-processor.2-cores.node-20.20.2`. */
function nameOf({ environment: { cpu, git, node, run } }: BenchReport): string {
  const model = cpu.model.replaceAll(/\([^)]*\)/g, '').toLowerCase();
  const commit = git === null ? 'no-commit' : git.commit.slice(0, 9);
  return [
    commit,
    model.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, ''),
    `${cpu.allowed.length}-cores`,
    `node-${node.replace('v', '')}`,
    ...(run.depth === 'full' ? ['full'] : []),
  ].join('.');
}
