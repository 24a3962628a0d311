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
function crowded(subject: string, scenario: string, rate: number): Result[] {
  const common = { ...cell, subject, scenario, placement: 'unpinned', messageBytes: 1024 } as const;
  return [1, 4].map((followers) => ({ ...common, followers, messagesPerSecond: rate / followers }));
}
const report = {
  schema: resultSchema,
  results: [
    ...measured('shm.ring', 5e6, 10_000),
    ...measured('socket.tcp', 1e6, 30_000),
    ...measured('mq.posix-queue', 2e5, 20_000),
    ...measured('mq.shared', 3e6, 25_000),
    ...measured('peer.node-net', 9e9, 1),
    ...crowded('shm.broadcast', 'fan-out', 3e6),
    ...crowded('shm.queue', 'work-sharing', 2e6),
    ...crowded('mq.shared', 'work-sharing', 1e6),
  ],
} as unknown as BenchReport;
const need: Need = {
  ...{ messageBytes: 64, receivers: 1, shared: false, remote: false, durable: false },
  ...{ ordering: 'sender', prefer: 'latency' },
};
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
  expect(suitable({ ordering: 'priority' })).toEqual(['mq.posix-queue', 'mq.shared']);
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

test('of several receivers, who shares and who sees one order', () => {
  const several = { receivers: 3, prefer: 'throughput' } as const;
  expect(suitable({ ...several, ordering: 'total' })).toEqual(['shm.broadcast']);
  expect(suitable({ ...several, shared: true })).toEqual(['shm.queue', 'mq.shared']);
  expect(suitable({ ...several, shared: true, durable: true })).toEqual(['mq.shared']);
  const [shared] = choose(report, { ...need, ...several, shared: true });
  expect(shared?.messagesPerSecond).toBe(5e5); // as measured with four
  const reasons = choose(report, { ...need, ...several, shared: true });
  expect(reasons.find(({ subject }) => subject === 'mq.posix-queue')?.against).toContain('was not measured');
  expect(reasons.find(({ subject }) => subject === 'shm.ring')?.against).toBe('its receivers cannot share');
  // One receiver has one order, whatever the mechanism.
  expect(suitable({ ordering: 'total' })).toEqual(suitable({}));
});
