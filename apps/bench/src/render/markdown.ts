import type { BenchReport } from '../result.ts';
import { describeColumns, describeMachine, describeRun } from './prose.ts';
import { toTables, type Table } from './tables.ts';

/** The whole report as Markdown, for pasting. */
export function renderMarkdown(report: BenchReport): string {
  const tables = toTables(report);
  return [
    describeMachine(report),
    ...tables.map(renderTable),
    describeColumns(tables),
    describeRun(report),
  ].join('\n');
}

function renderTable({ title, question, head, rows }: Table): string {
  return `### ${title}\n\n${question}\n\n${toMarkdownTable(head, rows)}`;
}

/** The first column is text, the others are figures. */
export function toMarkdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = line(head.map((_, column) => (column === 0 ? '---' : '---:')));
  return `${[line(head), rule, ...rows.map(line)].join('\n')}\n`;
}
