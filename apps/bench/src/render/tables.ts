/** The results as tables of text, whatever they are printed on: one for each question and placement. */
import type { BenchReport, Result } from '../result.ts';
import type { Placement, Scenario } from '../scenario.ts';
import { scenarioOf } from '../scenarios/index.ts';
import { formatSize } from '../size.ts';
import { formatFraction, formatMegabytes, formatMicroseconds, formatRate } from './figures.ts';

export interface Table {
  readonly title: string;
  readonly question: string;
  readonly head: readonly string[];
  /** The first column is text, the others are figures. */
  readonly rows: readonly (readonly string[])[];
}

/** Placement by placement, scenario by scenario. */
export function toTables({ results, environment }: BenchReport): Table[] {
  const placements = Object.entries(environment.run.placements) as [Placement, readonly number[]][];
  return placements.flatMap(([placement, cpus]) => {
    const where =
      placement === 'cross-core' ? `on cores ${cpus.join(' and ')}` : `both on core ${String(cpus[0])}`;
    const here = results.filter((result) => result.placement === placement);
    return [...new Set(here.map(({ scenario }) => scenario))].map(scenarioOf).map((scenario) =>
      toTable(
        scenario,
        where,
        here.filter((result) => result.scenario === scenario.id),
      ),
    );
  });
}

function toTable(scenario: Scenario, where: string, results: readonly Result[]): Table {
  const titled = { title: `${scenario.id}, ${where}`, question: scenario.question };
  if (scenario.kind === 'lock') {
    return {
      ...titled,
      head: ['subject', 'operations/s', 'ns each', 'C floor', 'of the floor'],
      rows: results.map(({ subject, operationsPerSecond, floor, floorFraction }) => [
        subject,
        formatRate(operationsPerSecond),
        operationsPerSecond === undefined ? '' : (1e9 / operationsPerSecond).toFixed(0),
        formatRate(floor?.operationsPerSecond),
        formatFraction(floorFraction),
      ]),
    };
  }
  if (results.some(({ latencyNs }) => latencyNs !== undefined)) {
    return {
      ...titled,
      head: ['subject', 'message', 'p50 µs', 'p99 µs', 'C floor p50', 'of the floor'],
      rows: results.map(({ subject, messageBytes, latencyNs, floor, floorFraction }) => [
        subject,
        formatSize(messageBytes),
        formatMicroseconds(latencyNs?.p50),
        formatMicroseconds(latencyNs?.p99),
        formatMicroseconds(floor?.latencyNs?.p50),
        formatFraction(floorFraction),
      ]),
    };
  }
  return {
    ...titled,
    head: ['subject', 'message', 'messages/s', 'MB/s', 'C floor', 'of the floor'],
    rows: results.map(
      ({ subject, messageBytes, messagesPerSecond, bytesPerSecond, floor, floorFraction }) => [
        subject,
        formatSize(messageBytes),
        formatRate(messagesPerSecond),
        formatMegabytes(bytesPerSecond),
        formatRate(floor?.messagesPerSecond),
        formatFraction(floorFraction),
      ],
    ),
  };
}
