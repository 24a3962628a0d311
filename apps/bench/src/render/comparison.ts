import { centralFigure, type ComparedReports, type Comparison, type Verdict } from '../compare.ts';
import type { Result } from '../result.ts';
import { formatSize } from '../size.ts';
import { formatFraction, formatMicroseconds, formatRate } from './figures.ts';
import { renderTable } from './terminal.ts';

const order: readonly Verdict[] = ['worse', 'better', 'unsure', 'same'];

/** The comparison as a table, what is worse first, and a sentence that counts. */
export function renderComparison(
  { circumstances, comparisons, unmatched }: ComparedReports,
  width?: number,
): string {
  const count = (verdict: Verdict): number =>
    comparisons.filter((comparison) => comparison.verdict === verdict).length;
  const ordered = [...comparisons].sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  const head = ['subject', 'scenario', 'message', 'placement', 'before', 'after', 'speed', '95 %', ''];
  const table = renderTable(head, ordered.map(toRow), width);
  const sums = order.map((verdict) => `${String(count(verdict))} ${verdict}`).join(', ');
  const rest = unmatched.length === 0 ? '' : `; ${unmatched.length} in only one of the two`;
  const changed = circumstances.map((change) => `Not the code alone has changed: ${change}.\n`).join('');
  return `${table}\n\n${sums}${rest}.\n${changed}`;
}

function toRow({ before, after, speedup, speedupInterval, verdict }: Comparison): string[] {
  return [
    ...[after.subject, after.scenario, after.messageBytes === 0 ? '' : formatSize(after.messageBytes)],
    ...[after.placement, formatFigure(before), formatFigure(after), formatFraction(speedup)],
    ...[speedupInterval.map(formatFraction).join(' … '), verdict],
  ];
}

function formatFigure(result: Result): string {
  if (result.latencyNs !== undefined) return `${formatMicroseconds(result.latencyNs.p50)} µs`;
  return `${formatRate(centralFigure(result))}/s`;
}
