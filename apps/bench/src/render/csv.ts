import type { BenchReport, Result } from '../result.ts';

const columns: readonly (readonly [
  name: string,
  value: (result: Result) => string | number | null | undefined,
])[] = [
  ['subject', ({ subject }) => subject],
  ['scenario', ({ scenario }) => scenario],
  ['message_bytes', ({ messageBytes }) => messageBytes],
  ['placement', ({ placement }) => placement],
  ['messages_per_second', ({ messagesPerSecond }) => messagesPerSecond],
  ['bytes_per_second', ({ bytesPerSecond }) => bytesPerSecond],
  ['operations_per_second', ({ operationsPerSecond }) => operationsPerSecond],
  ['p50_ns', ({ latencyNs }) => latencyNs?.p50],
  ['p90_ns', ({ latencyNs }) => latencyNs?.p90],
  ['p99_ns', ({ latencyNs }) => latencyNs?.p99],
  ['p999_ns', ({ latencyNs }) => latencyNs?.p999],
  ['max_ns', ({ latencyNs }) => latencyNs?.max],
  ['interval_low', ({ interval }) => interval[0]],
  ['interval_high', ({ interval }) => interval[1]],
  ['floor_fraction', ({ floorFraction }) => floorFraction],
  ['floor_fraction_low', ({ floorFractionInterval }) => floorFractionInterval?.[0]],
  ['floor_fraction_high', ({ floorFractionInterval }) => floorFractionInterval?.[1]],
  ['cpu_seconds_per_million', ({ cpuSecondsPerMillion }) => cpuSecondsPerMillion],
  ['resident_bytes', ({ residentBytes }) => residentBytes],
  ['repeats', ({ repeats }) => repeats],
  ['samples', ({ samples }) => samples],
];

/** One line per result; an empty field where a figure does not apply. RFC 4180. */
export function renderCsv({ results }: BenchReport): string {
  const lines = [
    columns.map(([name]) => name),
    ...results.map((result) => columns.map(([, of]) => quote(of(result)))),
  ];
  return lines.map((fields) => `${fields.join(',')}\r\n`).join('');
}

function quote(value: string | number | null | undefined): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
