import type { Candidate } from '../choose.ts';
import { formatMicroseconds, formatRate, formatSeconds } from './figures.ts';
import { renderTable } from './terminal.ts';

/** Best first, as a table. */
export function renderCandidates(candidates: readonly Candidate[]): string {
  if (candidates.length === 0) return 'Nothing was measured: run the bench first.\n';
  const head = ['subject', 'round trip p50 µs', 'messages/s', 'CPU s/M', 'against it'];
  const rows = candidates.map(({ subject, p50Ns, messagesPerSecond, cpuSecondsPerMillion, against = '' }) => [
    ...[subject, formatMicroseconds(p50Ns), formatRate(messagesPerSecond)],
    ...[formatSeconds(cpuSecondsPerMillion), against],
  ]);
  return `${renderTable(head, rows)}\n`;
}
