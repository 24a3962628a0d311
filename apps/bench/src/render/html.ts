/** The report as one HTML file that needs no network: style, plots and figures are inside. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BenchReport } from '../result.ts';
import { describeMachine, describeRun } from './prose.ts';
import { toTables, type Table } from './tables.ts';

const require = createRequire(import.meta.url);
const own = (file: string): string => readFileSync(new URL(`../../report/${file}`, import.meta.url), 'utf8');
const plotting = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8');

const charts = [
  [
    'sizes',
    'Messages per second by size',
    'Both axes are logarithmic; the band is the 95 % interval of the median.',
  ],
  [
    'scaling',
    'With more processes',
    'What one end sends to, or takes from, so many others, and how often so many take one lock. A level line does not care.',
  ],
  [
    'spectrum',
    'Percentile spectrum',
    'How bad the rare cases are: each step to the right is rarer. A line ends where its samples do.',
  ],
  [
    'time',
    'Latency over time',
    'The worst of each part of the last repeat: collections and scheduling stand out as peaks.',
  ],
  [
    'floor',
    'Against the C floor',
    '1× is a plain C program that does the same work in the same run. Lines are 95 % intervals.',
  ],
] as const;

/** @returns A whole document. What others named in it is escaped. */
export function renderHtml(report: BenchReport): string {
  const figures = charts.map(
    ([id, title, caption]) =>
      `<figure id="${id}"><h2>${title}</h2><figcaption>${caption}</figcaption></figure>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>IPC bench</title>
<style>${plotting('uPlot.min.css')}${own('style.css')}</style>
<h1>IPC bench</h1>
<p>${escape(describeMachine(report))}</p>
<p>${escape(describeRun(report)).replaceAll('\n', '<br>')}</p>
${figures.join('\n')}
${toTables(report).map(renderTable).join('\n')}
<script type="application/json" id="report">${JSON.stringify(report).replaceAll('<', String.raw`\u003c`)}</script>
<script>${plotting('uPlot.iife.min.js')}</script>
<script type="module">${own('client.js')}</script>
</html>
`;
}

function renderTable({ title, question, head, rows }: Table): string {
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  const body = [line('th', head), ...rows.map((row) => line('td', row))].join('\n');
  return `<h2>${escape(title)}</h2><p>${escape(question)}</p><div class="scroll"><table>${body}</table></div>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
