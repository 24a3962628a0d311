import type { Candidate } from '../choose.ts';
import type { BenchReport } from '../result.ts';
import { formatMicroseconds, formatRate, formatSeconds } from './figures.ts';
import { renderTable } from './terminal.ts';

export interface Choice {
  readonly candidates: readonly Candidate[];
  /** What was not measured. */
  readonly unmeasured: readonly string[];
  /** Where the figures are from. */
  readonly file: string;
  readonly report: BenchReport;
  /** What is different here from where they were measured. */
  readonly elsewhere: readonly string[];
}

/** Best first, as a table, and where the figures are from. */
export function renderCandidates({ candidates, unmeasured, file, report, elsewhere }: Choice): string {
  const head = ['subject', 'round trip p50 µs', 'messages/s', 'CPU s/M', 'against it'];
  const rows = candidates.map(({ subject, p50Ns, messagesPerSecond, cpuSecondsPerMillion, against = '' }) => [
    ...[subject, formatMicroseconds(p50Ns), formatRate(messagesPerSecond)],
    ...[formatSeconds(cpuSecondsPerMillion), against],
  ]);
  const table = candidates.length === 0 ? '' : `${renderTable(head, rows)}\n\n`;
  const day = report.environment.run.startedAt.slice(0, 16).replace('T', ' ');
  const lines = [
    'Each keeps the order in which one sender has sent.',
    `Measured at ${day} UTC: ${file}`,
    ...elsewhere.map((difference) => `Not as it was there: ${difference}.`),
    ...(unmeasured.length === 0
      ? []
      : [`Not measured there: ${unmeasured.join(', ')}. A run with --full measures all.`]),
  ];
  return `${table}${lines.join('\n')}\n`;
}
