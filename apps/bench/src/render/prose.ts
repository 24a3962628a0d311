/** What has to be said beside the tables. */
import { relativeError, type BenchReport, type Result } from '../result.ts';
import { formatSize } from '../size.ts';
import { formatDuration } from './figures.ts';
import type { Table } from './tables.ts';
import { median } from '../statistics.ts';

/** One paragraph: where and with what the figures were made. */
export function describeMachine({ environment }: BenchReport): string {
  const { cpu, git, kernel, load, node, run, virtualised } = environment;
  const commit =
    git === null ? 'no commit' : `commit ${git.commit.slice(0, 9)}${git.dirty ? ' and changes' : ''}`;
  const machine = `${cpu.model}, ${cpu.allowed.length} of ${cpu.online} cores${virtualised ? ', virtualised' : ''}`;
  return `${machine}; ${kernel}; Node ${node}; ${commit}; load ${(load[0] ?? 0).toFixed(1)}.\nMedians of ${run.repeats} ${run.repeats === 1 ? 'repeat' : 'repeats'} and more.\n`;
}

const meanings: readonly (readonly [column: string, meaning: string])[] = [
  [
    '95 %',
    'how far the figure may be off, by bootstrap over processes and their repeats; ~ is before one that may be off by 30 % or more.',
  ],
  ['MiB', 'memory of all processes. CPU s/M: their seconds of processor time for a million messages.'],
  [
    'of the floor',
    'beside a C program that does the same work right after each repeat; 1× is as fast as it, 2× twice as fast.',
  ],
  ['of process.send', 'beside JSON over process.send in messages of the same size; 2× is twice as fast.'],
  ['p99', 'has a thousand samples or more, a p99.9 ten thousand; — is what there is not.'],
];

/** What the columns of the tables mean that do not say it themselves. */
export function describeColumns(tables: readonly Table[]): string {
  const heads = new Set(tables.flatMap(({ head }) => head));
  return meanings
    .filter(([column]) => heads.has(column))
    .map(([column, meaning]) => `${column}: ${meaning}\n`)
    .join('');
}

/** What limits what the figures say, what is missing, and what went wrong. */
export function describeRun({ environment, results }: BenchReport): string {
  const { cpu, load, run, virtualised } = environment;
  const { coreToCoreNs } = run;
  const lines: string[] = [];
  const noises = [
    ...(virtualised ? ['a virtual machine'] : []),
    ...(cpu.allowed.length < 3 ? [`${cpu.allowed.length} cores for two processes and everything else`] : []),
    ...((load[0] ?? 0) > 0.5 ? [`a load of ${(load[0] ?? 0).toFixed(1)} before the run`] : []),
  ];
  if (noises.length > 0) lines.push(`Indicative: ${noises.join(', ')}.`);
  const noise = typicalError(results);
  if (noise > 0.1) {
    lines.push(`Noisy: half of the figures are uncertain by ±${(100 * noise).toFixed(0)} % or more.`);
  }
  if (run.repeats < 3) lines.push('Fewer than three complete repeats: a look, not figures.');
  if (run.pinnedBy === null && results.length > 0)
    lines.push('The processes could not be pinned: placements are only names here.');
  if (coreToCoreNs !== null) {
    const { before, after } = coreToCoreNs;
    lines.push(
      `A cache line went from core to core in ${before} ns before the run and ${after} ns after it.`,
    );
    if (Math.max(before, after) > 1.5 * Math.min(before, after)) {
      lines.push('The cores moved apart or together during the run: measure again before comparing.');
    }
  }
  const { stolen = null } = run;
  if (stolen !== null && stolen > 0.005) {
    lines.push(
      `Other virtual machines took ${(100 * stolen).toFixed(1)} % of the processors' time meanwhile.`,
    );
  }
  for (const { subject, reason } of run.skipped) lines.push(`Left out: ${subject}: ${reason}`);
  for (const { subject, placement, scenario, messageBytes = 0, reason } of run.failures) {
    const size = messageBytes === 0 ? undefined : formatSize(messageBytes);
    lines.push(`FAILED: ${[subject, scenario, size, placement].filter(Boolean).join(' ')}: ${reason}`);
  }
  lines.push(`The run took ${formatDuration(run.durationMs)}.`);
  if (!run.complete) lines.push('The run is not complete.');
  return `${lines.join('\n')}\n`;
}

/** Half the interval in parts of the figure, in the middle of all results; 0 where no repeat tells. */
export function typicalError(results: readonly Result[]): number {
  const errors = results.filter(({ repeats }) => repeats > 1).map(({ interval }) => relativeError(interval));
  return errors.length === 0 ? 0 : median(errors);
}
