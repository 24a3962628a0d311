/** However a run of the C floor ends, nothing of it remains. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Floor } from '../src/floor.ts';
import { compile, ended, messagePairs, scratch, theFloor } from './floor-fixture.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await theFloor();
}, 60_000);

describe('ending', () => {
  const endless = (subject: string, scenario = 'throughput'): string[] => [
    subject,
    scenario,
    '--bytes',
    '64',
    '--messages',
    scenario === 'throughput' ? '1000000000' : '10000000',
  ];
  const carriers = [...new Set(messagePairs.map(({ subject }) => subject))];
  /** System V queues have a guard besides the two. */
  const processesOf = (subject: string): number => (subject === 'mq.sysv' ? 3 : 2);

  test.each(carriers)('a killed %s run leaves no process and no file', async (subject) => {
    const folder = mkdtempSync(join(scratch, 'tmp-'));
    const child = spawn(floor.path, endless(subject), { env: { ...process.env, TMPDIR: folder } });
    await descendants(child, processesOf(subject));
    child.kill('SIGKILL');

    await once(child, 'close'); // all of its processes held its stdout, so they are gone
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(carriers)('a %s run whose peer is killed fails and says so', async (subject) => {
    const child = spawn(floor.path, endless(subject));
    const result = ended(child);
    const peers = await descendants(child, processesOf(subject));
    process.kill(peers.at(-1) ?? 0, 'SIGKILL');

    expect(await result).toMatchObject({ code: 1, stderr: 'floor: the follower was killed by signal 9\n' });
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
    '%s to all removes the System V queues',
    async (signal) => {
      const child = spawn(floor.path, endless('mq.sysv', 'round-trip'), { detached: true });
      const { pid = 0 } = child;
      const peers = await descendants(child, 3);
      while (messageQueuesOf(peers) < 2) await setImmediate();
      process.kill(-pid, signal);

      await once(child, 'close');
      expect(messageQueuesOf(peers)).toBe(0);
    },
  );

  test('an abort kills the run and rejects with its reason', async () => {
    const reason = new Error('enough');
    const request = { subject: 'shm.ring', scenario: 'throughput', messageBytes: 64, messages: 1e9 };

    const controller = new AbortController();
    const run = floor.measure({ ...request, signal: controller.signal });
    await setImmediate();
    controller.abort(reason);

    await expect(run).rejects.toBe(reason);
    await expect(floor.measure({ ...request, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('the run ends with the process that started it', async () => {
    const starter = spawn('sh', ['-c', '"$@" & wait', 'sh', floor.path, ...endless('mq.sysv')]);
    await descendants(starter, 4);
    starter.kill('SIGKILL');

    await once(starter, 'close');
  });

  test('the watchdog ends a run that does not', async () => {
    const hasty = join(scratch, 'hasty');
    compile(hasty, '-DWATCHDOG_SECONDS=1');

    const { code, stderr } = await ended(spawn(hasty, endless('shm.ring')));

    expect({ code, stderr }).toEqual({ code: 124, stderr: 'floor: watchdog: no result within 1 seconds\n' });
  }, 60_000);
});

/** Waits until the process has at least so many descendants; their ids in the order of their start. */
async function descendants({ pid = 0 }: ChildProcess, count: number): Promise<number[]> {
  const childrenOf = (id: number): number[] => {
    const list = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return [...list, ...list.flatMap(childrenOf)];
  };
  for (;;) {
    const found = childrenOf(pid);
    if (found.length >= count) return found;
    await setImmediate();
  }
}

/** How many System V queues there are that one of these processes sent to. */
function messageQueuesOf(senders: readonly number[]): number {
  const [head = '', ...rows] = readFileSync('/proc/sysvipc/msg', 'utf8').trim().split('\n');
  const column = head.trim().split(/\s+/).indexOf('lspid');
  return rows.filter((row) => senders.includes(Number(row.trim().split(/\s+/)[column]))).length;
}
