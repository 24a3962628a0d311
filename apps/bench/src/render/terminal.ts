import Table from 'cli-table3';
import type { BenchReport } from '../result.ts';
import { describeColumns, describeMachine, describeRun } from './prose.ts';
import { toTables } from './tables.ts';

/**
 * The whole report as text for a terminal or a file.
 *
 * @param width - Characters in a line: of each table, what matters least is left out until it fits. @default no limit
 */
export function renderTerminal(report: BenchReport, width: number = Infinity): string {
  const tables = toTables(report);
  const texts = tables.map(({ title, question, head, rows }) => {
    let previous: string | undefined;
    const shortened = rows.map(([subject = '', ...figures]) => {
      const name = subject === previous ? '' : subject; // a name once is enough
      previous = subject;
      return [name, ...figures];
    });
    return `${title}\n${question}\n\n${renderTable(head, shortened, width)}\n`;
  });
  return [describeMachine(report), ...texts, describeColumns(tables), describeRun(report)].join('\n');
}

/** The first column is text, the others are figures. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number = Infinity,
): string {
  const shown = fitting(head, rows, width);
  const pick = (line: readonly string[]): string[] => shown.map((column) => line[column] ?? '');
  const table = new Table({
    head: pick(head),
    colAligns: shown.map((column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    chars: frameless,
  });
  table.push(...rows.map(pick));
  return table.toString();
}

/** What a narrow terminal can do without, the first to go first; it is in all other forms of a report. */
const dispensable = [
  ...['MiB', 'CPU s/M', 'C floor', 'C floor p50', 'of process.send', 'max', 'p90', 'MB/s', '95 %'],
  ...['min ─ log ─ max', 'curve', 'placement', 'before', 'after'],
];

/** The columns for which there is room, by index. */
function fitting(head: readonly string[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = head.map((name, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), name.length),
  );
  const columns = head.map((_, column) => column);
  const room = (left: readonly number[]): number =>
    left.reduce((sum, column) => sum + (widths[column] ?? 0) + frameless.middle.length, 0);
  return dispensable.reduce(
    (left, name) => (room(left) <= width ? left : left.filter((column) => head[column] !== name)),
    columns,
  );
}

const frameless = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '──', right: '', 'right-mid': '', middle: '  ' },
};
