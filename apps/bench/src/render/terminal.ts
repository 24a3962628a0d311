import Table from 'cli-table3';
import type { BenchReport } from '../result.ts';
import { describeMachine, describeRun } from './prose.ts';
import { toTables } from './tables.ts';

/** The whole report as text for a terminal or a file. */
export function renderTerminal(report: BenchReport): string {
  const tables = toTables(report).map(({ title, question, head, rows }) => {
    let previous: string | undefined;
    const shortened = rows.map(([subject = '', ...figures]) => {
      const name = subject === previous ? '' : subject; // a name once is enough
      previous = subject;
      return [name, ...figures];
    });
    return `${title}\n${question}\n\n${renderTable(head, shortened)}\n`;
  });
  return [describeMachine(report), ...tables, describeRun(report)].join('\n');
}

/** The first column is text, the others are figures. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
    chars: frameless,
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

const frameless = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '─', right: '', 'right-mid': '', middle: '  ' },
};
