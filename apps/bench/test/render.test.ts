import { describe, expect, test } from 'vitest';
import {
  formatBar,
  formatDuration,
  formatFraction,
  formatMegabytes,
  formatMicroseconds,
  formatRate,
} from '../src/render/figures.ts';
import { renderMarkdown } from '../src/render/markdown.ts';
import { renderTerminal } from '../src/render/terminal.ts';
import { observeEnvironment } from '../src/environment.ts';
import type { BenchReport, Result, RunFacts } from '../src/result.ts';

const facts: RunFacts = {
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 1000,
  complete: true,
  repeats: 3,
  placements: { 'cross-core': [0, 1] },
  pinnedBy: 'sched_setaffinity',
  skipped: [{ subject: 'mq.posix', reason: 'no queues here' }],
  failures: [],
  coreToCoreNs: { before: 50, after: 100 },
};
const cell = {
  messageBytes: 64,
  placement: 'cross-core',
  repeats: 3,
  perRepeat: [1, 2, 2],
  interval: [1, 2],
} as const;
const report: BenchReport = {
  schema: 'ipc-bench/1',
  environment: { ...observeEnvironment(), run: facts },
  results: [
    {
      ...cell,
      subject: 'shm.ring',
      scenario: 'throughput',
      messagesPerSecond: 5e6,
      bytesPerSecond: 3.2e8,
      floorFraction: 0.4,
      floorFractionInterval: [0.38, 0.42],
      floor: { messagesPerSecond: 12.5e6 },
    },
    {
      ...cell,
      subject: 'peer.process-send-json',
      scenario: 'throughput',
      messagesPerSecond: 1e5,
      bytesPerSecond: 6.4e6,
    },
    {
      ...cell,
      subject: 'shm.ring',
      scenario: 'round-trip',
      latencyNs: { p50: 2000, p90: null, p99: null, p999: null, max: 2500 },
    },
    { ...cell, subject: 'sync.mutex', scenario: 'lock-contended', messageBytes: 0, operationsPerSecond: 1e7 },
  ],
};

test('a scaling scenario has a row for each number of processes, and says where they run', () => {
  const of = (followers: number): Result => ({
    ...cell,
    ...{ subject: 'shm.queue', scenario: 'fan-in', placement: 'unpinned', followers },
    messagesPerSecond: 4e6 / followers,
  });
  const run = { ...facts, placements: { ...facts.placements, unpinned: null } };
  const text = renderMarkdown({
    ...report,
    environment: { ...report.environment, run },
    results: [of(1), of(4)],
  });
  expect(text).toContain('### fan-in, left to the scheduler');
  expect(text).toContain('| shm.queue | 1 + 1 | 64 B | ~4.00 M |');
  expect(text).toContain('| shm.queue | 1 + 4 | 64 B | ~1.00 M |');
  // A quarter of the best is a quarter of its bar.
  expect(text).toContain(`| ${'█'.repeat(16)} |`);
  expect(text).toContain(`| ${'█'.repeat(4).padEnd(16)} |`);
});

test('more than two cores make a matrix', () => {
  const latencyNs = [
    [null, 50, 120],
    [50, null, 121],
    [120, 121, null],
  ];
  const run = { ...facts, coreMatrix: { cpus: [0, 1, 4], latencyNs } };
  const text = renderMarkdown({ ...report, environment: { ...report.environment, run }, results: [] });
  expect(text).toContain('| core | 0 | 1 | 4 |');
  expect(text).toContain('| 4 | 120 | 121 |  |');
});

test('bars are drawn to an eighth of a character, times as people say them', () => {
  expect([0, 0.5, 1, 1 / 16 + 3 / 128].map(formatBar)).toEqual([
    ' '.repeat(16),
    `${'█'.repeat(8)}${' '.repeat(8)}`,
    '█'.repeat(16),
    `█▍${' '.repeat(14)}`,
  ]);
  expect([14_830, 119_000, 1_085_400].map(formatDuration)).toEqual(['14.8 s', '119.0 s', '18 min 5 s']);
});

test('figures have three digits that count', () => {
  expect([0.5, 12.34, 999.4, 1000, 1_234_567, 20_500_000].map(formatRate)).toEqual([
    '0.50',
    '12.3',
    '999',
    '1.00 k',
    '1.23 M',
    '20.5 M',
  ]);
  expect(formatMegabytes(123_456_789)).toBe('123');
  expect(formatMicroseconds(1500)).toBe('1.50');
  expect(formatFraction(0.421)).toBe('0.42×');
  expect([formatRate(undefined), formatMicroseconds(null)]).toEqual(['—', '—']);
});

test('a narrow terminal gets fewer columns instead of broken lines', () => {
  const widest = (width?: number): number =>
    Math.max(
      ...renderTerminal(report, width)
        .split('\n')
        .filter((line) => line.includes('──') || line.includes('shm.ring'))
        .map(({ length }) => length),
    );
  expect(widest()).toBeGreaterThan(80);
  expect(widest(80)).toBeLessThanOrEqual(80);
  expect(renderTerminal(report, 80)).toContain('messages/s');
  expect(renderTerminal(report)).toContain('of process.send');
});

describe('a report', () => {
  test('in Markdown: a table per question, the floor and process.send beside', () => {
    const text = renderMarkdown(report);
    expect(text).toContain('### throughput, on cores 0 and 1');
    expect(text).toContain('| shm.ring | 64 B | ~5.00 M | ±33 % | 320 | 12.5 M | 0.40×  ±5 % | 50.0× |');
    expect(text).toContain('| shm.ring | 64 B | ~2.00 | ±33 % | 2.50 |');
    expect(text).toContain('| sync.mutex | ~10.0 M | 100 | ±33 % |');
  });

  test('says what is missing and what disturbed it', () => {
    const text = renderTerminal(report);
    expect(text).toContain('Left out: mq.posix: no queues here');
    expect(text).toContain('The cores moved apart');
    expect(text).toContain('Noisy: half of the figures are uncertain by ±33 %');
    expect(text).not.toContain('not complete');
  });

  test('says what failed', () => {
    const failure = {
      subject: 'shm.ring',
      placement: 'cross-core',
      scenario: 'throughput',
      messageBytes: 64,
      reason: 'lost',
    } as const;
    const run = { ...facts, complete: false, failures: [failure] };
    const text = renderTerminal({ ...report, environment: { ...report.environment, run } });
    expect(text).toContain('FAILED: shm.ring throughput 64 B cross-core: lost');
    expect(text).toContain('not complete');
  });
});
