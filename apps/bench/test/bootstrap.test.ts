import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { medianInterval, nestedMedian, type Nested } from '../src/bootstrap.ts';
import { median, percentile, sorted } from '../src/statistics.ts';

describe('the interval of a median', () => {
  const values = fc.array(fc.double({ min: 1, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 15 });

  test('holds the median, stays within the values, and is the same each time', () => {
    fc.assert(
      fc.property(values, (repeats) => {
        const [low, high] = medianInterval([repeats]);
        expect(low).toBeLessThanOrEqual(median(repeats));
        expect(high).toBeGreaterThanOrEqual(median(repeats));
        expect(low).toBeGreaterThanOrEqual(Math.min(...repeats));
        expect(high).toBeLessThanOrEqual(Math.max(...repeats));
        expect(medianInterval([repeats])).toEqual([low, high]);
      }),
      { numRuns: 50 },
    );
  });

  test('holds the true median about as often as it says', () => {
    // Sums of uniform numbers lie around 6 evenly. Twenty repeats each; 95 % nominal, bootstrap of medians: at least 90.
    let state = 1;
    const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    let holds = 0;
    for (let run = 0; run < 200; run++) {
      const repeats = Array.from({ length: 20 }, () =>
        Array.from({ length: 12 }, uniform).reduce((sum, value) => sum + value, 0),
      );
      const [low, high] = medianInterval([repeats]);
      if (low <= 6 && 6 <= high) holds++;
    }
    expect(holds).toBeGreaterThan(180);
    expect(holds).toBeLessThan(200);
  });

  test('is that of all resamples there are, as nearly as two thousand of them can tell', () => {
    const value = fc.double({ min: 1, max: 1e9, noNaN: true });
    const flat = fc.array(fc.tuple(value), { minLength: 1, maxLength: 5 });
    const nested = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.oneof(flat, nested), (values: Nested) => {
        const all = sorted(allResamples(values).map(nestedMedian));
        const [low, high] = medianInterval(values);
        // A fortieth lies beyond each end. Of 2,000 resamples that is known to a seventieth: four standard errors.
        expect(low).toBeGreaterThanOrEqual(percentile(all, 1 / 40 - 1 / 70));
        expect(low).toBeLessThanOrEqual(percentile(all, 1 / 40 + 1 / 70));
        expect(high).toBeGreaterThanOrEqual(percentile(all, 39 / 40 - 1 / 70));
        expect(high).toBeLessThanOrEqual(percentile(all, 39 / 40 + 1 / 70));
      }),
      { numRuns: 30 },
    );
  });
});

/** Every way to draw as many as there are, of processes and then of what each of them has. */
function allResamples(values: Nested): number[][][] {
  return draws(values).flatMap((drawn) => products(drawn.map((own) => draws(own))));
}

/** Every way to draw as many as there are. */
function draws<T>(from: readonly T[]): T[][] {
  return products(from.map(() => from));
}

/** One of each, in every way. */
function products<T>(choices: readonly (readonly T[])[]): T[][] {
  return choices.reduce<T[][]>(
    (begun, next) => begun.flatMap((chosen) => next.map((one) => [...chosen, one])),
    [[]],
  );
}
