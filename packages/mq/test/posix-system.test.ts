/** What needs limits and mounts of its own: a child under `ulimit`, or in an IPC namespace where we may make one. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PosixQueue } from '@ipc/mq';
import { describe, expect, test } from 'vitest';

const worker = fileURLToPath(new URL('../dist-test/workers/posix-system.js', import.meta.url));
const node = process.execPath;

interface Outcome {
  readonly code?: string;
  readonly message?: string;
  readonly value?: unknown;
}

function run(setUp: string, call: string, command: readonly string[] = []): Outcome {
  const [program, ...args] = [...command, 'bash', '-c', `${setUp}; exec "$0" "$1" "$2"`, node, worker, call];
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as Outcome;
}

const namespace = ['unshare', '--ipc', '--mount'];
/** What is mounted already shows the queues of the namespace outside. */
const ownMount = 'umount -a -t mqueue; mount -t mqueue none /mnt';
const mayUnshare = spawnSync('unshare', ['--ipc', '--mount', 'true']).status === 0;
/** CAP_SYS_RESOURCE is exempt from queues_max. */
const isExempt =
  spawnSync('bash', ['-c', "(( 0x$(awk '/CapEff/{print $2}' /proc/self/status) >> 24 & 1 ))"]).status === 0;

describe('X3 limits of the system', () => {
  test('RLIMIT_MSGQUEUE is told from a lack of descriptors, though both are EMFILE', () => {
    const { code, message } = run('ulimit -q 1000', 'create');
    expect(code).toBe('ERR_IPC_LIMIT');
    const { defaultMessages, defaultMessageBytes } = PosixQueue.limits();
    const bytes = PosixQueue.chargedBytes(defaultMessages, defaultMessageBytes);
    expect(message).toContain(`takes ${bytes} bytes`);
    expect(message).toContain(
      `RLIMIT_MSGQUEUE (bytes of all queues of this user) is 1000 and ${1_000 + bytes} is needed`,
    );
    expect(message).toContain(`ulimit -q ${1_000 + bytes}`);
  });

  test('a lack of descriptors is RLIMIT_NOFILE', () => {
    const { code, message } = run('ulimit -n 200', 'createWithoutDescriptors', mayUnshare ? namespace : []);
    expect(code).toBe('ERR_IPC_LIMIT');
    expect(message).toContain('ulimit -n');
  });

  test('too many queues names fs.mqueue.queues_max', (context) => {
    context.skip(!mayUnshare || isExempt, 'the limit cannot be set here, or does not bind this user');
    const { code, message } = run('echo 1 > /proc/sys/fs/mqueue/queues_max', 'createTwo', namespace);
    expect(code).toBe('ERR_IPC_LIMIT');
    expect(message).toContain(
      'fs.mqueue.queues_max is 1 and 2 is needed; raise it with `sysctl -w fs.mqueue.queues_max=2`',
    );
  });
});

/** /proc/sys may be mounted read-only. */
const mayLimitSysv =
  spawnSync('unshare', ['--ipc', '--mount', 'bash', '-c', 'echo 1 > /proc/sys/kernel/msgmni']).status === 0;

describe('X3 limits of System V queues', () => {
  test('too many queues names kernel.msgmni', (context) => {
    context.skip(!mayLimitSysv, 'kernel.msgmni cannot be set here');
    const { code, message } = run('echo 1 > /proc/sys/kernel/msgmni', 'createTwoSysv', namespace);
    expect(code).toBe('ERR_IPC_LIMIT');
    expect(message).toContain(
      'kernel.msgmni is 1 and 2 is needed; raise it with `sysctl -w kernel.msgmni=2`',
    );
  });
});

describe('PosixQueue.list', () => {
  test('tells what is there, who has it open, and so what was left behind', (context) => {
    context.skip(!mayUnshare, 'namespaces cannot be unshared here');
    const { value } = run(ownMount, 'list', namespace);
    const { pid, listed, after } = value as { pid: number; listed: { name: string }[]; after: string[] };
    expect(listed.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: '/ipc-kept.mq', uid: process.getuid?.(), mode: 0o640, bytes: 5, openIn: [pid] },
      { name: '/left', uid: process.getuid?.(), mode: 0o600, bytes: 0, openIn: [] },
    ]);
    expect(after).toEqual(['/ipc-kept.mq']);
  });

  test('says how to mount the file system it needs', (context) => {
    context.skip(!mayUnshare, 'namespaces cannot be unshared here');
    const { code, message } = run('umount -a -t mqueue', 'list', namespace);
    expect(code).toBe('ERR_IPC_UNSUPPORTED');
    expect(message).toContain('mount -t mqueue none /dev/mqueue');
  });
});

describe('PosixQueue.reclaim', () => {
  test('takes payloads of queues nobody has open that are gone or empty, and no others', (context) => {
    context.skip(!mayUnshare, 'namespaces cannot be unshared here');
    const { value } = run(ownMount, 'reclaim', namespace);
    expect(value).toEqual({ heldByPlain: 1, removed: true, gone: 0, queued: 1, held: 1, empty: 0 });
  });
});
