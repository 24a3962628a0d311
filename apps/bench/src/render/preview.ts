/** What a run would measure, before it does. */
import type { Preview } from '../run.ts';
import { formatSize } from '../size.ts';
import { formatDuration } from './figures.ts';
import { renderTable } from './terminal.ts';

/** A row for each scenario and placement, and a sentence that adds it up. */
export function renderPreview({ crews, repeats, processes, expectedMs, cellMs, skipped }: Preview): string {
  const rows = new Map<string, { subjects: Set<string>; sizes: Set<number>; cells: number }>();
  for (const { subject, cells } of crews) {
    for (const { scenario, placement, messageBytes } of cells) {
      const name = `${scenario.id}\n${placement}`;
      const row = rows.get(name) ?? { subjects: new Set(), sizes: new Set(), cells: 0 };
      rows.set(name, row);
      row.subjects.add(subject.id);
      row.sizes.add(messageBytes);
      row.cells++;
    }
  }
  const table = renderTable(
    ['scenario', 'placement', 'subjects', 'figures', 'sizes'],
    [...rows].map(([name, { subjects, sizes, cells }]) => [
      ...name.split('\n'),
      String(subjects.size),
      String(cells),
      [...sizes].map((bytes) => (bytes === 0 ? '' : formatSize(bytes))).join(', '),
    ]),
  );
  const figures = [...rows.values()].reduce((sum, { cells }) => sum + cells, 0);
  const plan = `${figures} figures, ${repeats} times each, in ${processes} processes: about ${formatDuration(expectedMs)}`;
  const left = skipped.map(({ subject, reason }) => `Left out: ${subject}: ${reason}\n`).join('');
  return `${table}\n\n${plan}, cells of ${cellMs.toFixed(0)} ms.\n${left}`;
}
