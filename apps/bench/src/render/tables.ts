/** The results as tables of text, whatever they are printed on: one for each question and placement. */
import type { BenchReport, Result } from '../result.ts';
import type { Placement } from '../scenario.ts';
import { findScenario } from '../scenarios/index.ts';
import { formatSize } from '../size.ts';
import {
  formatFraction,
  formatMegabytes,
  formatMicroseconds,
  formatRate,
  formatSeconds,
  formatShape,
} from './figures.ts';

export interface Table {
  readonly title: string;
  readonly question: string;
  readonly head: readonly string[];
  /** The first column is text, the others are figures. */
  readonly rows: readonly (readonly string[])[];
}

interface Column {
  readonly head: string;
  readonly cell: (result: Result) => string;
}

/** What everybody has: the others are compared with it. */
const baseline = 'peer.process-send-json';

/** Placement by placement, scenario by scenario. */
export function toTables({ results, environment }: BenchReport): Table[] {
  const placements = Object.entries(environment.run.placements) as [Placement, readonly number[]][];
  return placements.flatMap(([placement, cpus]) => {
    const where =
      placement === 'cross-core' ? `on cores ${cpus.join(' and ')}` : `both on core ${String(cpus[0])}`;
    const here = results.filter((result) => result.placement === placement);
    return [...new Set(here.map(({ scenario }) => scenario))].map((id) => {
      const rows = here.filter((result) => result.scenario === id);
      const isLock = rows.some(({ operationsPerSecond }) => operationsPerSecond !== undefined);
      const columns = isLock ? lockColumns : messageColumns(rows, here);
      return {
        title: `${id}, ${where}`,
        question: findScenario(id)?.question ?? '',
        head: columns.map(({ head }) => head),
        rows: rows.map((result) => columns.map(({ cell }) => cell(result))),
      };
    });
  });
}

const subject: Column = { head: 'subject', cell: (result) => result.subject };
const message: Column = { head: 'message', cell: ({ messageBytes }) => formatSize(messageBytes) };
const floorFraction: Column = {
  head: 'of the floor',
  cell: (result) => formatFraction(result.floorFraction),
};

const lockColumns: readonly Column[] = [
  subject,
  { head: 'operations/s', cell: ({ operationsPerSecond }) => formatRate(operationsPerSecond) },
  {
    head: 'ns each',
    cell: ({ operationsPerSecond }) =>
      operationsPerSecond === undefined ? '' : (1e9 / operationsPerSecond).toFixed(0),
  },
  { head: 'C floor', cell: ({ floor }) => formatRate(floor?.operationsPerSecond) },
  floorFraction,
];

const rateColumns: readonly Column[] = [
  subject,
  message,
  { head: 'messages/s', cell: ({ messagesPerSecond }) => formatRate(messagesPerSecond) },
  { head: '95 %', cell: formatInterval },
  { head: 'MB/s', cell: ({ bytesPerSecond }) => formatMegabytes(bytesPerSecond) },
  { head: 'CPU s/M', cell: ({ cpuSecondsPerMillion }) => formatSeconds(cpuSecondsPerMillion) },
  { head: 'C floor', cell: ({ floor }) => formatRate(floor?.messagesPerSecond) },
  floorFraction,
];

const latencyColumns: readonly Column[] = [
  subject,
  message,
  { head: 'p50 µs', cell: ({ latencyNs }) => formatMicroseconds(latencyNs?.p50) },
  { head: 'p90', cell: ({ latencyNs }) => formatMicroseconds(latencyNs?.p90) },
  { head: 'p99', cell: ({ latencyNs }) => formatMicroseconds(latencyNs?.p99) },
  { head: 'p99.9', cell: ({ latencyNs }) => formatMicroseconds(latencyNs?.p999) },
  { head: 'max', cell: ({ latencyNs }) => formatMicroseconds(latencyNs?.max) },
  { head: 'min ─ log ─ max', cell: ({ latencyDetail }) => formatShape(latencyDetail?.shape.counts) },
  { head: 'C floor p50', cell: ({ floor }) => formatMicroseconds(floor?.latencyNs?.p50) },
  floorFraction,
];

function messageColumns(rows: readonly Result[], all: readonly Result[]): readonly Column[] {
  const isLatency = rows.some(({ latencyNs }) => latencyNs !== undefined);
  const columns = isLatency ? latencyColumns : rateColumns;
  const baselines = all.filter(
    (result) => result.subject === baseline && (result.latencyNs !== undefined) === isLatency,
  );
  if (baselines.length === 0) return columns;
  const timesBaseline: Column = {
    head: 'of process.send',
    cell(result) {
      const base = baselines.find(({ messageBytes }) => messageBytes === result.messageBytes);
      return formatFraction(base === undefined ? undefined : speedRatio(result, base));
    },
  };
  return [...columns, timesBaseline];
}

/** How far the median may be off: half the interval, in parts of the figure. A single repeat does not know. */
function formatInterval({ interval: [low, high], repeats }: Result): string {
  if (repeats < 2) return formatRate(undefined);
  return `±${((50 * (high - low)) / ((high + low) / 2)).toFixed(0)} %`;
}

/** How many times faster: more messages, or less time. */
function speedRatio(result: Result, base: Result): number | undefined {
  if (result.latencyNs !== undefined && base.latencyNs !== undefined)
    return base.latencyNs.p50 / result.latencyNs.p50;
  if (result.messagesPerSecond === undefined || base.messagesPerSecond === undefined) return undefined;
  return result.messagesPerSecond / base.messagesPerSecond;
}
