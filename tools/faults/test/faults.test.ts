import { campaigns, randomOf } from '@ipc/faults';
import { expect, test } from 'vitest';

/** Rounds of the small runs; the long ones are commands. */
const small: Readonly<Record<string, number>> = {
  'mutex-kill': 12,
  'mutex-frozen': 3,
  'mutex-starved': 3,
  'parties-frozen': 3,
  'lock-kill': 4,
  exits: 4,
  'signal-storm': 16,
  'ring-producer-kill': 8,
  'ring-consumer-kill': 8,
  'slots-kill': 4,
  'mpsc-kill': 4,
  'broadcast-kill': 4,
  'loans-kill': 4,
  'value-kill': 4,
  'unreaped-kill': 3,
  'pid-reuse': 2,
  'instruction-kill': 4,
  'call-kill': 9,
  'every-kill': 2, // of a mutex and a rw-lock: each of a hundred thousand instructions and more is a stop by ptrace, which takes up to 0.1 ms
  'hostile-memory': 1300,
  scribbler: 60,
  'memory-full': 20,
  'wake-up': 20_000,
  leftovers: 4,
  'open-close': 50,
  'region-cut-short': 10,
  'channel-kill': 12,
  connections: 200,
  'frame-fuzz': 40_000,
  'descriptor-flood': 500,
};
const run = campaigns.filter(({ name }) => name in small);

test.each(run.map((campaign) => [campaign.name, campaign] as const))(
  '%s',
  { timeout: 240_000 }, // longer than any campaign's own patience
  async (name, campaign) => {
    const { violations } = await campaign.run({ rounds: small[name] ?? 1, random: randomOf(7) });
    expect(violations).toEqual([]);
  },
);
