import { expect, test } from 'vitest';
import { choose, unmeasured, type Need } from '../src/choose.ts';
import { resultSchema, type BenchReport, type Result } from '../src/result.ts';

const cell = { placement: 'cross-core', repeats: 1, perRepeat: [1], interval: [1, 1] } as const;
function measured(subject: string, messagesPerSecond: number, p50: number): Result[] {
  const latencyNs = { p50, p90: null, p99: null, p999: null, max: p50 };
  return [
    { ...cell, subject, messageBytes: 1024, scenario: 'throughput', messagesPerSecond },
    { ...cell, subject, messageBytes: 1024, scenario: 'round-trip', latencyNs },
  ];
}
const report = {
  schema: resultSchema,
  results: [
    ...measured('shm.ring', 5e6, 10_000),
    ...measured('socket.tcp', 1e6, 30_000),
    ...measured('mq.posix-queue', 2e5, 20_000),
    ...measured('mq.shared', 3e6, 25_000),
    ...measured('peer.node-net', 9e9, 1),
    ...[1, 4].map((followers) => ({
      ...{
        ...cell,
        subject: 'shm.broadcast',
        scenario: 'fan-out',
        placement: 'unpinned',
        messageBytes: 1024,
      },
      ...{ followers, messagesPerSecond: 3e6 / followers },
    })),
  ],
} as unknown as BenchReport;
const need: Need = { messageBytes: 64, receivers: 1, remote: false, durable: false, prefer: 'latency' };
const suitable = (special: Partial<Need>): string[] =>
  choose(report, { ...need, ...special })
    .filter(({ against }) => against === undefined)
    .map(({ subject }) => subject);

test('ranks what was measured by what is preferred', () => {
  expect(suitable({})).toEqual(['shm.ring', 'mq.posix-queue', 'mq.shared', 'socket.tcp']);
  expect(suitable({ prefer: 'throughput' })).toEqual([
    'shm.ring',
    'mq.shared',
    'socket.tcp',
    'mq.posix-queue',
  ]);
});

test('says what was not measured', () => {
  expect(unmeasured(report)).toContain('socket.unix');
  expect(unmeasured(report)).not.toContain('shm.ring');
});

test('takes one core where there is no second one', () => {
  const results = report.results.map((result): Result => ({ ...result, placement: 'same-core' }));
  const [best] = choose({ ...report, results }, need);
  expect(best).toMatchObject({ subject: 'shm.ring', p50Ns: 10_000, messagesPerSecond: 5e6 });
});

test('leaves out what cannot do it, and says why', () => {
  expect(suitable({ remote: true })).toEqual(['socket.tcp']);
  expect(suitable({ durable: true })).toEqual(['mq.posix-queue', 'mq.shared']);
  expect(suitable({ priorities: true })).toEqual(['mq.posix-queue', 'mq.shared']);
  // The queue gives each message to one of them; a line to each costs as often.
  expect(suitable({ receivers: 3 })).toEqual(['shm.ring', 'socket.tcp', 'shm.broadcast']);
  expect(suitable({ receivers: 3, prefer: 'throughput' })).toEqual([
    'shm.ring',
    'shm.broadcast',
    'socket.tcp',
  ]);
  const [, broadcast] = choose(report, { ...need, receivers: 3, prefer: 'throughput' });
  expect(broadcast?.messagesPerSecond).toBe(7.5e5); // as measured with four
  expect(suitable({ rate: 4e5 })).toEqual(['shm.ring', 'mq.shared', 'socket.tcp']);
  expect(suitable({ messageBytes: 4096 })).toEqual([]);
  expect(choose(report, { ...need, remote: true }).at(-1)?.against).toBe('stays on one machine');
});
