/** The results as tables of text, whatever they are printed on: one for each question and placement. */
import { relativeError, type BenchReport, type CoreMatrix, type Result } from '../result.ts';
import type { CpuPair } from '../placement.ts';
import type { Placement } from '../scenario.ts';
import { findScenario } from '../scenarios/index.ts';
import { formatSize } from '../size.ts';
import {
  none,
  formatBar,
  formatFraction,
  formatMebibytes,
  formatMegabytes,
  formatMicroseconds,
  formatRate,
  formatSeconds,
  formatShape,
} from './figures.ts';

export interface Table {
  readonly title: string;
  /** Its title is of this, in one of several places. */
  readonly scenario?: string;
  readonly place?: string;
  readonly question: string;
  readonly head: readonly string[];
  /** The first column is text, the others are figures. */
  readonly rows: readonly (readonly string[])[];
}

/** Left out of a table in which no row has it. */
interface Column {
  readonly head: string;
  readonly cell: (result: Result) => string;
}

/** What everybody has: the others are compared with it. */
const baseline = 'peer.process-send-json';

/** Placement by placement, scenario by scenario. */
export function toTables({ results, environment }: BenchReport): Table[] {
  const { coreMatrix, placements: places } = environment.run;
  const placements = Object.entries(places) as [Placement, CpuPair | null][];
  const tables = placements.flatMap(([placement, cpus]) => {
    const place = describePlace(placement, cpus);
    const here = results.filter((result) => result.placement === placement);
    return [...new Set(here.map(({ scenario }) => scenario))].map((id) => {
      const rows = here.filter((result) => result.scenario === id);
      const isOperation = rows.some(({ operationsPerSecond }) => operationsPerSecond !== undefined);
      const chosen = [...(isOperation ? operationColumns : messageColumns(rows, here)), curveOf(rows)];
      const columns = chosen.filter(({ cell }) => rows.some((row) => !['', none].includes(cell(row))));
      return {
        title: `${id}, ${place}`,
        ...{ scenario: id, place },
        question: findScenario(id)?.question ?? '',
        head: columns.map(({ head }) => head),
        rows: rows.map((result) => columns.map(({ cell }) => cell(result))),
      };
    });
  });
  return coreMatrix === undefined ? tables : [toMatrix(coreMatrix), ...tables];
}

function toMatrix({ cpus, latencyNs }: CoreMatrix): Table {
  return {
    title: 'from core to core',
    question: 'How many nanoseconds does a cache line take from one core to another?',
    head: ['core', ...cpus.map(String)],
    rows: latencyNs.map((line, row) => [
      String(cpus[row]),
      ...line.map((value) => (value === null ? '' : value.toFixed(0))),
    ]),
  };
}

function describePlace(placement: Placement, cpus: CpuPair | null): string {
  if (cpus === null) return 'left to the scheduler';
  const [leader, follower] = cpus;
  if (placement === 'same-core') return `both on core ${leader}`;
  const both = `${leader} and ${follower}`;
  if (placement === 'smt-sibling') return `on the hardware threads ${both} of one core`;
  return placement === 'far-core' ? `on the cores ${both}, which share no cache` : `on cores ${both}`;
}

const subject: Column = { head: 'subject', cell: (result) => result.subject };
const message: Column = {
  head: 'message',
  cell: ({ messageBytes }) => (messageBytes === 0 ? '' : formatSize(messageBytes)),
};
const processes: Column = {
  head: 'processes',
  cell: ({ followers }) => (followers === undefined ? '' : `1 + ${followers}`),
};

/** How a subject's rate changes with more processes: each as a bar beside its best. */
function curveOf(rows: readonly Result[]): Column {
  const rate = ({ messagesPerSecond, operationsPerSecond }: Result): number =>
    messagesPerSecond ?? operationsPerSecond ?? 0;
  return {
    head: 'curve',
    cell(result) {
      if (result.followers === undefined) return '';
      const own = rows.filter(
        (row) => row.subject === result.subject && row.messageBytes === result.messageBytes,
      );
      return formatBar(rate(result) / Math.max(...own.map(rate)));
    },
  };
}

/** A figure that is uncertain by more than this part of it is one of its order only. */
const vague = 0.3;

/** Marked where it is vague. */
function marked(figure: string, interval: Result['interval'] | undefined): string {
  return interval !== undefined && relativeError(interval) > vague ? `~${figure}` : figure;
}

const interval: Column = {
  head: '95 %',
  // A single repeat does not know.
  cell: (result) => (result.repeats < 2 ? none : formatError(result.interval)),
};
const floorFraction: Column = {
  head: 'of the floor',
  cell({ floorFraction: fraction, floorFractionInterval: range, repeats }) {
    const figure = marked(formatFraction(fraction), range);
    return range === undefined || repeats < 2 ? figure : `${figure} ${formatError(range).padStart(5)}`;
  },
};

const operationColumns: readonly Column[] = [
  subject,
  processes,
  {
    head: 'operations/s',
    cell: ({ operationsPerSecond, interval }) => marked(formatRate(operationsPerSecond), interval),
  },
  {
    head: 'ns each',
    cell: ({ operationsPerSecond }) =>
      operationsPerSecond === undefined ? '' : (1e9 / operationsPerSecond).toFixed(0),
  },
  interval,
  { head: 'C floor', cell: ({ floor }) => formatRate(floor?.operationsPerSecond) },
  floorFraction,
];

const rateColumns: readonly Column[] = [
  subject,
  processes,
  message,
  {
    head: 'messages/s',
    cell: ({ messagesPerSecond, interval }) => marked(formatRate(messagesPerSecond), interval),
  },
  interval,
  { head: 'MB/s', cell: ({ bytesPerSecond }) => formatMegabytes(bytesPerSecond) },
  { head: 'CPU s/M', cell: ({ cpuSecondsPerMillion }) => formatSeconds(cpuSecondsPerMillion) },
  { head: 'MiB', cell: ({ residentBytes }) => formatMebibytes(residentBytes) },
  { head: 'C floor', cell: ({ floor }) => formatRate(floor?.messagesPerSecond) },
  floorFraction,
];

const latencyColumns: readonly Column[] = [
  subject,
  processes,
  message,
  {
    head: 'p50 µs',
    cell: ({ latencyNs, interval }) => marked(formatMicroseconds(latencyNs?.p50), interval),
  },
  interval,
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

/** How far the median may be off: half the interval, in parts of the figure. */
function formatError(interval: Result['interval']): string {
  return `±${(100 * relativeError(interval)).toFixed(0)} %`;
}

/** How many times faster: more messages, or less time. */
function speedRatio(result: Result, base: Result): number | undefined {
  if (result.latencyNs !== undefined && base.latencyNs !== undefined)
    return base.latencyNs.p50 / result.latencyNs.p50;
  if (result.messagesPerSecond === undefined || base.messagesPerSecond === undefined) return undefined;
  return result.messagesPerSecond / base.messagesPerSecond;
}
