/** What the C floor measures, and what it refuses. */
import { spawn } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Floor, type FloorRequest } from '../src/floor.ts';
import {
  apart,
  ended,
  firstCpu,
  messagePairs,
  pairs,
  secondCpu,
  theFloor,
  together,
} from './floor-fixture.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await theFloor();
}, 60_000);

describe('measuring', () => {
  const pairsApart = pairs.filter(({ scenario }) => secondCpu !== undefined || scenario !== 'core-to-core');
  test.each(pairsApart)('$subject $scenario gives its figures', async ({ subject, scenario }) => {
    const messages = scenario === 'wake-up' ? 10 : 500; // it rests before each
    const figures = await floor.measure({ subject, scenario, messageBytes: 64, messages, cpus: apart });

    expect(figures).toHaveProperty('elapsedNs');
    expect('operationsPerSecond' in figures).toBe(/lock|operations/.test(scenario));
    expect('messagesPerSecond' in figures).toBe(/throughput|round-trip|calls/.test(scenario));
    expect('latencyNs' in figures).toBe(/round-trip|core-to-core|wake-up/.test(scenario));
  });

  test.each(messagePairs)(
    '$subject $scenario carries every size',
    async ({ subject, scenario }) => {
      for (const messageBytes of [1, 7, 8, 15, 16, 17, 1000, 4096, 65_535, 65_536, 65_537, 1 << 20]) {
        const figures = await floor.measure({ subject, scenario, messageBytes, messages: 30 });

        // Whatever the limits of this machine are set to, up to here there is no reason to refuse.
        const surelyFits = subject.startsWith('mq.')
          ? 4096
          : /seqpacket|datagram/.test(subject)
            ? 65_537
            : Infinity;
        if (messageBytes <= surelyFits) expect(figures.unsupported).toBeUndefined();
      }
    },
    20_000,
  );

  test.each(pairs)(
    '$subject $scenario goes on with both processes on one CPU',
    async ({ subject, scenario }) => {
      const figures = await floor.measure({
        subject,
        scenario,
        messageBytes: 64,
        messages: scenario === 'wake-up' ? 10 : 100,
        cpus: together,
      });

      expect(figures).toHaveProperty(scenario === 'core-to-core' ? 'unsupported' : 'elapsedNs');
    },
    20_000,
  );

  test('a ring wraps, pads and fills without losing a message', async () => {
    for (const messageBytes of [1, 24, 1000, 99_999]) {
      const messages = Math.ceil((8 << 20) / (messageBytes + 8));
      const figures = await floor.measure({
        subject: 'shm.ring',
        scenario: 'throughput',
        messageBytes,
        messages,
      });
      expect(figures.unsupported).toBeUndefined();
    }
  });

  test('a message larger than a queue takes is unsupported, and the limit is named', async () => {
    const request = { scenario: 'round-trip', messageBytes: 64 << 20, messages: 1 };
    expect(await floor.measure({ subject: 'mq.posix', ...request })).toEqual({
      unsupported: 'a message of 67108864 bytes is larger than a default queue takes (8192)',
    });
    expect(await floor.measure({ subject: 'mq.sysv', ...request })).toMatchObject({
      unsupported: expect.stringMatching(/kernel.msgmax is \d+, kernel.msgmnb \d+/) as string,
    });
  });

  test('a packet larger than any send buffer is unsupported, and the limit is named', async () => {
    const request = { scenario: 'throughput', messageBytes: 64 << 20, messages: 1 };
    for (const subject of ['socket.seqpacket', 'socket.datagram']) {
      expect(await floor.measure({ subject, ...request })).toMatchObject({
        unsupported: expect.stringContaining('net.core.wmem_max') as string,
      });
    }
  });
});

describe('refusing', () => {
  const valid: FloorRequest = {
    subject: 'pipe.fifo',
    scenario: 'throughput',
    messageBytes: 64,
    messages: 10,
  };

  test.each<Partial<FloorRequest>>([
    { subject: 'pipe.unknown' },
    { scenario: 'lock-contended' },
    { messageBytes: 0 },
    { messageBytes: 1.5 },
    { messageBytes: (64 << 20) + 1 },
    { messages: 0 },
    { messages: NaN },
    { messages: 1e9 + 1 },
    { scenario: 'round-trip', messages: 1e7 + 1 },
    { cpus: [0, -1] },
    { cpus: [1024, 0] },
  ])('%j is a RangeError', async (wrong) => {
    await expect(floor.measure({ ...valid, ...wrong })).rejects.toThrow(RangeError);
  });

  test.each([
    [''],
    ['pipe.fifo'],
    ['pipe.fifo throughput --messages 10'],
    ['pipe.fifo throughput --bytes 64'],
    ['pipe.fifo throughput --bytes 64x --messages 10'],
    ['pipe.fifo throughput --bytes -1 --messages 10'],
    ['pipe.fifo throughput --bytes 64 --messages 99999999999999999999'],
    ['pipe.fifo throughput --bytes 64 --messages 10 --cpus 0'],
    ['pipe.fifo throughput --bytes 64 --messages 10 --cpus 0,1,2'],
    ['pipe.fifo throughput --bytes 64 --messages'],
    ['pipe.fifo throughput --bites 64 --messages 10'],
    ['pipe.fifo core-to-core --bytes 64 --messages 10'],
    ['pipe.fifo round-trip --bytes 64 --messages 10000001'],
  ])('the binary answers "%s" with its usage and status 2', async (line) => {
    const { code, stderr, stdout } = await ended(spawn(floor.path, line.split(' ').filter(Boolean)));

    expect(stderr).toContain('usage: floor');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a CPU that may not be used fails the run, by its number', async () => {
    await expect(floor.measure({ ...valid, cpus: [firstCpu, 1023] })).rejects.toThrow(
      'cpu 1023 cannot be used',
    );
  });
});
