/** The figures of a run that a README shows: Markdown, and nothing that is not in the results. */
import type { BenchReport, Result } from '../result.ts';
import type { Placement } from '../scenario.ts';
import { formatFraction, formatMegabytes, formatMicroseconds, formatRate } from './figures.ts';
import { toMarkdownTable } from './markdown.ts';
import { typicalError } from './prose.ts';

const baseline = 'peer.process-send-json';

/** @param source - The results file, as the README would link it. */
export function renderSummary(report: BenchReport, source: string): string {
  const parts = [
    describe(report),
    transports(report),
    scaling(report),
    locks(report),
    structures(report),
    `All tables of the run: [\`${source.replace(/json$/, 'md')}\`](${source.replace(/json$/, 'md')}).`,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function describe({ environment, results }: BenchReport): string {
  const { cpu, git, kernel, node, run, virtualised } = environment;
  const commit = git === null ? '' : ` at commit \`${git.commit.slice(0, 9)}\``;
  const cores = `${cpu.allowed.length}-core ${virtualised ? 'virtual machine' : 'machine'}`;
  const machine = `a ${cores} (${cpu.model.replaceAll('(R)', '')}, ${kernel}, Node ${node.replace('v', '')})`;
  return [
    `One run of \`npx -y pnpm@12.21.0 bench${run.depth === 'full' ? ' --full' : ''}\`${commit} on ${machine} on ${run.startedAt.slice(0, 10)}.`,
    `Processes are pinned to different cores; figures are medians of at least ${run.repeats} repeats, half of them`,
    `certain to ±${(100 * typicalError(results)).toFixed(0)} % or better, and ratios are within this run. The C floor is a C program that does`,
    'the same work with one system call per message (or, for the ring, one store): 1 or more is the floor or better.',
  ].join('\n');
}

interface Wanted {
  readonly scenario: string;
  readonly messageBytes?: number;
  readonly placement?: Placement;
  readonly followers?: number;
}

/** Finds a subject's result, by default across cores. */
function finder({ results }: BenchReport): (subject: string, wanted: Wanted) => Result | undefined {
  return (subject, { scenario, messageBytes, placement = 'cross-core', followers }) =>
    results.find(
      (result) =>
        result.subject === subject &&
        result.scenario === scenario &&
        result.placement === placement &&
        (messageBytes === undefined || result.messageBytes === messageBytes) &&
        (followers === undefined || result.followers === followers),
    );
}

/** In the order in which they were measured. */
function subjectsOf({ results }: BenchReport, scenarios: readonly string[]): string[] {
  const named = results.filter(({ scenario }) => scenarios.includes(scenario));
  return [...new Set(named.map(({ subject }) => subject))];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : toMarkdownTable(head, rows).trim();
}

function transports(report: BenchReport): string {
  const find = finder(report);
  const base = find(baseline, { scenario: 'throughput', messageBytes: 64 })?.messagesPerSecond;
  const rows = subjectsOf(report, ['throughput']).map((subject) => {
    const small = find(subject, { scenario: 'throughput', messageBytes: 64 });
    const batched = find(subject, { scenario: 'throughput-batched', messageBytes: 64 });
    const large = find(subject, { scenario: 'throughput', messageBytes: 64 << 10 });
    const trip = find(subject, { scenario: 'round-trip', messageBytes: 64 });
    const polled = find(subject, { scenario: 'round-trip-spinning', messageBytes: 64 });
    const rate = small?.messagesPerSecond;
    return [
      `\`${subject}\``,
      formatRate(rate),
      formatFraction(small?.floorFraction),
      formatFraction(rate === undefined || base === undefined ? undefined : rate / base),
      formatRate(batched?.messagesPerSecond),
      formatMegabytes(large?.bytesPerSecond),
      formatFraction(large?.floorFraction),
      formatMicroseconds(trip?.latencyNs?.p50),
      formatMicroseconds(polled?.latencyNs?.p50),
    ];
  });
  const head = [
    ...['subject', '64 B, messages/s', 'of the C floor', 'of `process.send`', 'in batches'],
    ...['64 KiB, MB/s', 'of the C floor', 'round trip, 64 B, p50 µs', 'polling'],
  ];
  return table(head, rows);
}

/** Messages per second, or operations, by how many processes there are beside the first. */
function scaling(report: BenchReport): string {
  const scenarios = ['fan-out', 'fan-in', 'work-sharing', 'lock-crowded'];
  const rows = report.results.filter(({ scenario }) => scenarios.includes(scenario));
  const counts = [...new Set(rows.map(({ followers = 1 }) => followers))].sort((a, b) => a - b);
  const find = finder(report);
  const lines = scenarios.flatMap((scenario) =>
    subjectsOf(report, [scenario]).map((subject) => [
      scenario,
      `\`${subject}\``,
      ...counts.map((followers) => {
        const result = find(subject, { scenario, placement: 'unpinned', followers });
        return formatRate(result?.messagesPerSecond ?? result?.operationsPerSecond);
      }),
    ]),
  );
  return table(['per second', 'subject', ...counts.map((count) => `1 + ${count} processes`)], lines);
}

function locks(report: BenchReport): string {
  const find = finder(report);
  const rival = find('peer.proper-lockfile', { scenario: 'lock-uncontended' })?.operationsPerSecond;
  const rows = subjectsOf(report, ['lock-uncontended']).map((subject) => {
    const [alone, contended] = ['lock-uncontended', 'lock-contended'].map((scenario) =>
      find(subject, { scenario }),
    );
    const handOver = find(subject, { scenario: 'hand-over' });
    return [
      `\`${subject}\``,
      formatFraction(
        rival === undefined || alone?.operationsPerSecond === undefined
          ? undefined
          : alone.operationsPerSecond / rival,
      ),
      ...[alone, contended].flatMap((result) => [
        formatRate(result?.operationsPerSecond),
        formatFraction(result?.floorFraction),
      ]),
      formatMicroseconds(handOver?.latencyNs?.p50),
    ];
  });
  const head = [
    ...[
      'lock',
      'of `proper-lockfile`',
      'taken and given alone, /s',
      'of the C floor',
      'by two who want it, /s',
      'of the C floor',
    ],
    'after SIGKILL of its holder, µs',
  ];
  return table(head, rows);
}

function structures(report: BenchReport): string {
  const find = finder(report);
  const rows = subjectsOf(report, ['operations-alone']).map((subject) => [
    `\`${subject}\``,
    ...['operations-alone', 'operations-together'].map((scenario) =>
      formatRate(find(subject, { scenario })?.operationsPerSecond),
    ),
  ]);
  return table(['structure', 'operations/s alone', 'beside a writer'], rows);
}
