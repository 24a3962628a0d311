import { expect, test } from 'vitest';
import { FLOOR_SHARE, Pace } from '../src/pace.ts';

test('cells share the time that is left', () => {
  const work = { pairs: 10, warmUps: 10, cells: 100 };
  expect(new Pace(work, 40_000, 0).cellMs(0)).toBeGreaterThan(new Pace(work, 20_000, 0).cellMs(0));
  expect(new Pace(work, 1, 0).cellMs(0)).toBe(15);
  expect(new Pace(work, 1e9, 0).cellMs(0)).toBe(400);
  expect(new Pace({ pairs: 0, warmUps: 0, cells: 0 }, 1000, 0).cellMs(0)).toBeGreaterThan(0);
});

/** Runs a whole plan on a machine where a pair costs `pairMs` and a cell `overheadMs` beyond its time. */
function simulate(budgetMs: number, pairMs: number, overheadMs: number): number {
  const [pairs, cellsEach] = [40, 10];
  const pace = new Pace({ pairs, warmUps: pairs, cells: pairs * cellsEach }, budgetMs, 0);
  let now = 0;
  for (let pair = 0; pair < pairs; pair++) {
    for (let cell = 0; cell < cellsEach; cell++) {
      const cellMs = pace.cellMs(now);
      const took = cellMs * (1 + FLOOR_SHARE) + overheadMs;
      now += took;
      pace.cellDone(cellMs, took);
    }
    now += pairMs + pace.compilingMs;
    pace.strike({ pairs: 1, warmUps: 1 });
    pace.pairTook(pairMs);
  }
  return now;
}

test('the compiler gets its time, but never most of a short run', () => {
  const work = { pairs: 10, warmUps: 20, cells: 100 };
  expect(new Pace(work, 100_000, 0).compilingMs).toBe(500);
  expect(new Pace(work, 1000, 0).compilingMs).toBe(20);
});

test('a run takes what it was given, however slow the machine starts processes', () => {
  for (const [pairMs, overheadMs] of [
    [50, 0],
    [300, 25],
    [900, 60],
  ] as const) {
    expect(simulate(98_000, pairMs, overheadMs)).toBeGreaterThan(90_000);
    expect(simulate(98_000, pairMs, overheadMs)).toBeLessThan(100_000);
  }
});

test('is over when its time is', () => {
  const pace = new Pace({ pairs: 1, warmUps: 0, cells: 1 }, 1000, 0);
  expect([pace.isOver(999), pace.isOver(1000)]).toEqual([false, true]);
});
