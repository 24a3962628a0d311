import { expect, test } from 'vitest';
import { Pace, type PaceOptions } from '../src/pace.ts';

const options: PaceOptions = { budgetMs: 40_000, refines: false, isStrict: true };

/** So many of them, each measured so many times. */
function cells(count: number, times = 1): Map<object, number> {
  return new Map(Array.from({ length: count }, () => [{}, times]));
}

test('cells share the time that is left', () => {
  const work = { crews: 10, warmUps: 10, cells: cells(100) };
  const pace = (budgetMs: number): Pace => new Pace(work, { ...options, budgetMs }, 0);
  expect(pace(40_000).cellMs(0)).toBeGreaterThan(pace(20_000).cellMs(0));
  expect(pace(1).cellMs(0)).toBe(30);
  expect(pace(1e9).cellMs(0)).toBe(400);
  expect(new Pace({ crews: 0, warmUps: 0, cells: cells(0) }, options, 0).cellMs(0)).toBeGreaterThan(0);
});

/**
 * Runs a whole plan on a machine where a crew costs `crewMs`, a cell `overheadMs` beyond its time, one of fifteen six
 * times that, and a warm-up this part of what it may have; returns the end.
 */
function simulate(refines: boolean, crewMs: number, overheadMs: number, warmUpNeed: number): number {
  const [crews, cellsEach, repeats] = [40, 5, 3];
  const planned = Array.from({ length: crews }, () => [...cells(cellsEach).keys()]);
  const starts = crews * repeats;
  const work = {
    crews: starts,
    warmUps: starts,
    cells: new Map(planned.flat().map((cell) => [cell, repeats])),
  };
  const pace = new Pace(work, { budgetMs: 96_000, refines, isStrict: true }, 0);
  let now = 0;
  const measure = (cell: object): void => {
    const cellMs = pace.cellMs(now);
    const isLong = planned.some(([first], index) => index % 3 === 0 && first === cell);
    const tookMs = cellMs + overheadMs * (isLong ? 6 : 1);
    now += tookMs;
    pace.cellDone(cell, cellMs, tookMs);
  };
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const crew of planned) {
      if (repeat > 0 && pace.isOver(now)) return now;
      const warmUpMs = pace.mostWarmUpMs * warmUpNeed;
      now += crewMs + warmUpMs;
      pace.warmUpTook(warmUpMs);
      pace.crewTook(crewMs);
      crew.forEach(measure);
    }
  }
  const [[cell] = []] = planned;
  while (refines && cell !== undefined && pace.hasTimeFor([cell], now)) measure(cell);
  return now;
}

test('the compiler gets its time, but never most of a short run', () => {
  const work = { crews: 10, warmUps: 20, cells: cells(100) };
  expect(new Pace(work, { ...options, budgetMs: 200_000 }, 0).mostWarmUpMs).toBe(1500);
  expect(new Pace(work, { ...options, budgetMs: 4000 }, 0).mostWarmUpMs).toBeCloseTo(270);
});

test('every path may take as long to get warm as any other; what they do not take is for the cells', () => {
  const pace = new Pace({ crews: 1, warmUps: 20, cells: cells(400) }, options, 0);
  const [mostMs, cellMs] = [pace.mostWarmUpMs, pace.cellMs(0)];
  for (let path = 0; path < 10; path++) pace.warmUpTook(10);
  expect(pace.mostWarmUpMs).toBe(mostMs);
  expect(pace.cellMs(0)).toBeGreaterThan(cellMs);
});

test.each([
  [50, 0],
  [300, 25],
  [800, 25],
])('a run takes what it was given, where a crew takes %i ms and a cell %i more', (crewMs, overheadMs) => {
  for (const refines of [false, true]) {
    for (const warmUpNeed of [0.2, 1]) {
      const end = simulate(refines, crewMs, overheadMs, warmUpNeed);
      expect(end).toBeGreaterThan(86_000);
      expect(end).toBeLessThan(98_000);
    }
  }
});

test('is over when its time is, and late a while after that, unless nothing may be left out', () => {
  const work = { crews: 1, warmUps: 0, cells: cells(1) };
  const pace = new Pace(work, options, 0);
  expect([pace.isOver(39_999), pace.isOver(40_000)]).toEqual([false, true]);
  expect([pace.isLate(43_999), pace.isLate(44_001)]).toEqual([false, true]);
  expect(new Pace(work, { ...options, isStrict: false }, 0).isLate(1e9)).toBe(false);
});
