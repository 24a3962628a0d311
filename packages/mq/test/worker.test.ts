/** The work queue, over an engine with leases and one without. */
import { PosixQueue, SharedQueue, WorkClient, worker, type Queue } from '@ipc/mq';
import { noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

const engines: Record<string, (name: string) => Queue> = {
  shared: (name) => SharedQueue.create(name, { capacityBytes: 64 << 10, maxAttempts: 2 }),
  posix: (name) => PosixQueue.create(name, { maxMessages: 8, maxMessageBytes: 1_024 }),
};

function made(create: (name: string) => Queue, what: string): Queue & Disposable {
  const queue = create(uniqueName(what));
  const close = queue.close.bind(queue);
  return Object.assign(queue, {
    [Symbol.dispose]() {
      queue.unlink();
      close();
    },
  });
}

describe.each(Object.entries(engines))('over %s', (_, create) => {
  test('does every job, so many at once, and stops gracefully', async () => {
    using jobs = made(create, 'jobs');
    const done: number[] = [];
    let atOnce = 0;
    const running = worker(
      jobs,
      async (payload) => {
        atOnce = Math.max(atOnce, running.running);
        await new Promise((resolve) => setImmediate(resolve));
        done.push(payload[0] ?? -1);
      },
      { concurrency: 3 },
    );
    for (let n = 0; n < 50; n++) await jobs.send(Uint8Array.of(n));
    while (done.length < 50) await new Promise((resolve) => setImmediate(resolve));
    await running.stop();
    await running.stop();
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (__, n) => n));
    expect(atOnce).toBe(3);
    expect(jobs.attributes().messages).toBe(0);
    await jobs.send(Uint8Array.of(1)); // nobody takes it any more
    expect(jobs.attributes().messages).toBe(1);
  });

  test('stop waits for what has begun, and tells it when patience is over', async () => {
    using jobs = made(create, 'jobs');
    await jobs.send(Uint8Array.of(1));
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const running = worker(jobs, async (__, { signal }) => {
      begin();
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
    });
    await begun;
    await running.stop({ signal: AbortSignal.timeout(10) });
    expect(running.running).toBe(0);
  });

  test('tries again after a failure, with backoff, and gives results, progress and the last failure', async () => {
    using jobs = made(create, 'jobs');
    using results = made(create, 'results');
    const failures: unknown[] = [];
    await using running = worker(
      jobs,
      async (payload, { attempt, progress }) => {
        if (payload[0] === 0) throw new Error('never');
        if (attempt === 1) throw new Error('not yet');
        await progress(Uint8Array.of(50));
        return payload.map((byte) => byte + 1);
      },
      {
        attempts: 2,
        backoffMs: (attempt) => attempt,
        results,
        onFailure: (error, __, attempt, final) =>
          void failures.push([(error as Error).message, attempt, final]),
      },
    );
    using client = new WorkClient(jobs, results);
    const heard: unknown[] = [];
    const result = await client.submit(pattern(5), { onProgress: (part) => void heard.push(part[0]) });
    expect(result).toEqual(pattern(5).map((byte) => byte + 1));
    expect(heard).toEqual([50]);
    await expect(client.submit(Uint8Array.of(0))).rejects.toThrow('never');
    expect(failures).toEqual([
      ['not yet', 1, false],
      ['never', 1, false],
      ['never', 2, true],
    ]);
    expect(jobs.attributes().messages).toBe(0);
    expect(running.running).toBe(0);
  });

  test('a queue that is closed ends the worker with its error', async () => {
    using jobs = made(create, 'jobs');
    using other = (jobs instanceof SharedQueue ? SharedQueue : PosixQueue).open(jobs.name ?? '');
    const running = worker(other, () => undefined);
    other.close();
    await expect(running.stopped).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
  });

  test.each([{ concurrency: 0 }, { attempts: 0 }, { leaseMs: 0 }])('refuses %j', (options) => {
    using jobs = made(create, 'jobs');
    expect(() => worker(jobs, () => undefined, options)).toThrow(RangeError);
  });
});

test('with leases, what failed for the last time is a dead letter, and a slow job keeps its lease', async () => {
  using jobs = SharedQueue.create(uniqueName('jobs'), { maxAttempts: 2 });
  await jobs.send(Uint8Array.of(1));
  const seen: number[] = [];
  await using running = worker(
    jobs,
    async (payload, { attempt }) => {
      seen.push(attempt);
      if (payload[0] === 1) throw new Error('no');
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // more than its lease
    },
    { attempts: 2, backoffMs: () => 0, leaseMs: 400 },
  );
  while (jobs.attributes().deadLetters === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(jobs.tryReceiveDeadLetter()).toMatchObject({ attempts: 2 });
  await jobs.send(Uint8Array.of(2));
  while (jobs.attributes().messages > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([1, 2, 1]);
  await running.stop();
  jobs.unlink();
});
