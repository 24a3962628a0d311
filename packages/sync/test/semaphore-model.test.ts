import { Region } from '@ipc/shm';
import { Semaphore, type Permit } from '@ipc/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noLockLeaks } from './names.ts';

noLockLeaks();

const TOTAL = 5;
const step = fc.oneof(
  fc.record({
    do: fc.constant('take' as const),
    party: fc.nat(2),
    permits: fc.integer({ min: 1, max: TOTAL }),
  }),
  fc.record({ do: fc.constant('give' as const), party: fc.nat(2), which: fc.nat(9) }),
  fc.record({ do: fc.constant('reopen' as const), party: fc.nat(2) }),
);

test('any sequence of takes, returns and closes agrees with counting on paper', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      using region = Region.anonymous({ kind: 'model', bytes: Semaphore.bytes(3) });
      const open = (): { semaphore: Semaphore; permits: Permit[] } => ({
        semaphore: Semaphore.in(region, 0, { permits: TOTAL, participants: 3 }),
        permits: [],
      });
      const parties = [open(), open(), open()];
      const taken = (): number =>
        parties.flatMap(({ permits }) => permits).reduce((sum, { permits }) => sum + permits, 0);
      try {
        for (const each of steps) {
          const party = parties[each.party] as (typeof parties)[number];
          if (each.do === 'take') {
            const free = TOTAL - taken();
            const permit = party.semaphore.tryAcquire(each.permits);
            expect(permit !== undefined).toBe(each.permits <= free);
            if (permit !== undefined) party.permits.push(permit);
          } else if (each.do === 'give') {
            const [permit] = party.permits.splice(each.which % (party.permits.length || 1), 1);
            permit?.release();
          } else {
            party.semaphore.close();
            parties[each.party] = open();
          }
          for (const { semaphore } of parties) expect(semaphore.available).toBe(TOTAL - taken());
        }
      } finally {
        for (const { semaphore } of parties) semaphore.close();
      }
    }),
  );
});
