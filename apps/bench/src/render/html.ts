/** The report as one HTML file that needs no network: style, plots and figures are inside. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BenchReport } from '../result.ts';
import { describeColumns, describeMachine, describeRun } from './prose.ts';
import { toTables, type Table } from './tables.ts';

const require = createRequire(import.meta.url);
const own = (file: string): string => readFileSync(new URL(`../../report/${file}`, import.meta.url), 'utf8');
const plotting = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8');

/** The parts of the page's script, each after those it imports. */
const scripts = ['data.js', 'palette.js', 'filter.js', 'plot.js', 'lines.js', 'rows.js', 'client.js'];

const charts = [
  [
    'sizes',
    'Messages per second by size',
    'Both axes are logarithmic; bars are 95&nbsp;% intervals of the median. The line under the pointer stands out.',
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
    'The worst of each part of the last repeat, from left to right, all on one logarithmic scale: collections and scheduling stand out as peaks.',
  ],
  [
    'floor',
    'Against the C floor',
    'The upright line is 1×: a plain C program that does the same work right after each repeat. Bars are 95&nbsp;% intervals.',
  ],
] as const;

/** @returns A whole document. What others named in it is escaped. */
export function renderHtml(report: BenchReport): string {
  const tables = toTables(report).map((table, index) => ({ ...table, id: `table-${index}` }));
  const figures = charts.map(
    ([id, title, caption]) =>
      `<figure id="${id}"><h2>${title}</h2><figcaption>${caption}</figcaption></figure>`,
  );
  const links = [
    ...charts.map(([id, name]) => ({ place: 'plots', id, name })),
    ...tables.map(({ id, title, scenario = title, place = 'machine' }) => ({ place, id, name: scenario })),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>IPC bench</title>
<style>${plotting('uPlot.min.css')}${own('style.css')}</style>
<h1>IPC bench</h1>
<p>${escape(describeMachine(report))}</p>
<p>${escape(describeRun(report)).replaceAll('\n', '<br>')}</p>
<nav>${renderLinks(links)}</nav>
<div id="filter" role="group" aria-label="subjects that are shown"></div>
${figures.join('\n')}
<p>${escape(describeColumns(tables)).replaceAll('\n', '<br>')}</p>
${tables.map(renderTable).join('\n')}
<script type="application/json" id="report">${JSON.stringify(report).replaceAll('<', String.raw`\u003c`)}</script>
<script>${plotting('uPlot.iife.min.js')}</script>
<script type="module">${scripts.map(ownScript).join('\n')}</script>
</html>
`;
}

interface PageLink {
  readonly place: string;
  readonly id: string;
  readonly name: string;
}

/** A line for each place. */
function renderLinks(links: readonly PageLink[]): string {
  const places = [...new Set(links.map(({ place }) => place))];
  return places
    .map((place) => {
      const here = links.filter((link) => link.place === place);
      const anchors = here.map(({ id, name }) => `<a href="#${id}">${escape(name)}</a>`);
      return `<div><b>${escape(place)}</b> ${anchors.join(' ')}</div>`;
    })
    .join('\n');
}

/** Part of one module: what it imports is in it already. */
function ownScript(file: string): string {
  return own(file)
    .replaceAll(/^import .*;\n/gm, '')
    .replaceAll(/^export /gm, '');
}

function renderTable({ id, title, question, head, rows }: Table & { readonly id: string }): string {
  const cells = (tag: string, values: readonly string[]): string =>
    values.map((value) => `<${tag}>${escape(value)}</${tag}>`).join('');
  const lines = rows.map((row, index) => {
    const isNew = row[0] !== rows[index - 1]?.[0];
    return `<tr${isNew ? ' class="new"' : ''}>${cells('td', row)}</tr>`;
  });
  return `<details open id="${id}"><summary><h2>${escape(title)}</h2></summary><p>${escape(question)}</p>
<div class="scroll"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>${lines.join('\n')}</tbody></table></div></details>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
