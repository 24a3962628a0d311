import { expect, test } from 'vitest';
import { Mark } from '../src/message-format.ts';
import { Rounds } from '../src/scenarios/round-trip.ts';
import type { CellRequest } from '../src/scenario.ts';

const request: CellRequest = {
  ...{ messageBytes: 64, followers: 1, startNs: 0, counterBefore: 0 },
  ...{ warmUpNs: 250, durationNs: 450, leastMessages: 1, mostNs: 1000 },
};

/** Rounds that each take so long, and those that are marked a whole second more: the marks, and what was measured. */
function ask(
  special: Partial<CellRequest>,
  roundNs = 100,
): { marks: Mark[]; latencyNs: number[]; total: number } {
  const rounds = new Rounds({ ...request, ...special });
  const marks: Mark[] = [];
  for (let timeNs = 5; marks.at(-1) !== Mark.last; timeNs += marks.at(-1) === Mark.plain ? roundNs : 1e9)
    marks.push(rounds.next(timeNs));
  const { latencyNs = [], total } = rounds.sample;
  return { marks, latencyNs: [...latencyNs], total };
}

test('those that are marked are not measured', () => {
  const { marks, latencyNs, total } = ask({ durationNs: 1e9 + 450, mostNs: 3e9 });
  const [first, last] = [marks.indexOf(Mark.start), marks.indexOf(Mark.last)];
  expect(first).toBe(3); // when the warm-up is over
  expect(latencyNs).toEqual([100, 100, 100, 100, 100]);
  expect(last - first - 1).toBe(latencyNs.length);
  expect(total).toBe(marks.length);
});

test('at least one is, however long they take', () => {
  expect(ask({}, 1e6).latencyNs).toEqual([1e6]);
});

test('as many as asked for are, unless that takes too long', () => {
  expect(ask({ leastMessages: 12, mostNs: 2e9 }).latencyNs).toHaveLength(12);
  expect(ask({ leastMessages: 12, durationNs: 1e9, mostNs: 1e9 + 650 }).latencyNs).toHaveLength(7);
});
