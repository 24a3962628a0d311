import Table from 'cli-table3';
import type { BenchReport } from '../result.ts';
import { describeMachine, describeRun } from './prose.ts';
import { toTables } from './tables.ts';

/** The whole report as text for a terminal or a file. */
export function renderTerminal(report: BenchReport): string {
  const tables = toTables(report).map(({ title, question, head, rows }) => {
    const table = new Table({
      head: [...head],
      colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
      style: { head: [], border: [], compact: true },
      chars: frameless,
    });
    let previous: string | undefined;
    for (const [subject = '', ...figures] of rows) {
      table.push([subject === previous ? '' : subject, ...figures]); // a name once is enough
      previous = subject;
    }
    return `${title}\n${question}\n\n${table.toString()}\n`;
  });
  return [describeMachine(report), ...tables, describeRun(report)].join('\n');
}

const frameless = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '─', right: '', 'right-mid': '', middle: '  ' },
};
