import { expect, test } from 'vitest';
import { binaryFormat, Mark } from '../src/message-format.ts';
import type { CellRequest, Followers } from '../src/scenario.ts';
import { workSharing } from '../src/scenarios/work-sharing.ts';

const request: CellRequest = {
  ...{ messageBytes: 64, followers: 2, warmUpNs: 0, durationNs: 1e6, leastMessages: 1, mostNs: 1e6 },
  ...{ startNs: 0, counterBefore: 0 },
};
const leader = { total: 4 };

test('all that was sent was taken, by whomever', () => {
  const followers: Followers = [
    { total: 3, count: 2, elapsedNs: 1e6, numbers: 0 + 2 + 3 },
    { total: 1, count: 0, elapsedNs: 1e6, numbers: 1 },
  ];
  expect(workSharing.combine(leader, followers, request)).toEqual({ messagesPerSecond: 2000 });
});

test('where nothing came in the time that counts, the whole time counts', () => {
  const followers: Followers = [
    { total: 3, count: 0, elapsedNs: 1e6, numbers: 0 + 2 + 3, timesNs: Float64Array.of(1e9, 3e9) },
    { total: 1, count: 0, elapsedNs: 1e6, numbers: 1, timesNs: Float64Array.of(2e9, 2e9) },
  ];
  expect(workSharing.combine(leader, followers, request)).toEqual({ messagesPerSecond: 2 });
});

test('what is lost fails the run, and what comes twice, even where the number of messages is right', () => {
  const sample = { count: 1, elapsedNs: 1e6 };
  const lost: Followers = [
    { ...sample, total: 2, numbers: 5 },
    { ...sample, total: 1, numbers: 1 },
  ];
  expect(() => workSharing.combine(leader, lost, request)).toThrow('4 messages were sent and 3 were taken');
  const twice: Followers = [
    { ...sample, total: 2, numbers: 5 },
    { ...sample, total: 2, numbers: 3 },
  ];
  expect(() => workSharing.combine(leader, twice, request)).toThrow('taken twice');
});

test('a receiver whose messages are out of order fails the run', async () => {
  const numbers = [1, 0];
  const take = (): Uint8Array =>
    binaryFormat.stamp(
      binaryFormat.blank(64),
      numbers.shift() ?? 9,
      numbers.length > 0 ? Mark.plain : Mark.last,
    );
  const unused = (): never => {
    throw new Error('a receiver only takes');
  };
  const link = { trySend: unused, send: unused, tryReceive: take, receive: unused, close: unused };
  await expect(
    workSharing.run('follower', { index: 1, link, format: binaryFormat }, request),
  ).rejects.toThrow('it came after message 1');
});
