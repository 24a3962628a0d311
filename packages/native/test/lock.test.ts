import { constants } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { close, flock, ofdHolder, ofdLock, open } from '@ipc/native';
import { expectNoLeaks, owned, startWorker, temporaryFolder, thrownBy } from './support.ts';

expectNoLeaks();

/** A file, and as many descriptions of it as asked for. */
function file(opens: number): { path: string; fds: number[] } {
  const path = join(temporaryFolder(), 'lock');
  return {
    path,
    fds: Array.from({ length: opens }, () => owned(open(path, constants.O_RDWR | constants.O_CREAT, 0o600))),
  };
}

describe('ofdLock', () => {
  test('excludes per description and per range, within one process', () => {
    const [first = -1, second = -1] = file(2).fds;
    expect(ofdLock(first, 'exclusive', 10, 10)).toBe(true);
    expect(ofdLock(first, 'exclusive', 10, 10)).toBe(true);
    expect(ofdLock(second, 'exclusive', 19, 1)).toBe(false);
    expect(ofdLock(second, 'shared', 19, 1)).toBe(false);
    expect(ofdLock(second, 'exclusive', 20, 1)).toBe(true);
    expect(ofdHolder(second, 'shared', 0, 0)).toBe(true);
    expect(ofdHolder(second, 'exclusive', 0, 10)).toBe(false);
    expect(ofdHolder(first, 'exclusive', 10, 10)).toBe(false);
    expect(ofdLock(first, 'unlock', 0, 0)).toBe(true);
    expect(ofdLock(second, 'exclusive', 19, 1)).toBe(true);
  });

  test('shares, and changes kind when alone', () => {
    const [first = -1, second = -1] = file(2).fds;
    expect(ofdLock(first, 'shared', 0, 0)).toBe(true);
    expect(ofdLock(second, 'shared', 0, 0)).toBe(true);
    expect(ofdLock(first, 'exclusive', 0, 0)).toBe(false);
    expect(ofdLock(second, 'unlock', 0, 0)).toBe(true);
    expect(ofdLock(first, 'exclusive', 0, 0)).toBe(true);
  });

  test('survives the closing of another fd of the file, unlike the POSIX lock', () => {
    const { path, fds } = file(2);
    const [first = -1, second = -1] = fds;
    ofdLock(first, 'exclusive', 0, 0);
    close(open(path, constants.O_RDWR));
    expect(ofdLock(second, 'exclusive', 0, 0)).toBe(false);
  });

  test('needs the fd open the right way', () => {
    const { path } = file(1);
    const reader = owned(open(path, constants.O_RDONLY));
    expect(ofdLock(reader, 'shared', 0, 0)).toBe(true);
    expect(thrownBy(() => ofdLock(reader, 'exclusive', 0, 0))).toMatchObject({
      code: 'EBADF',
      syscall: 'fcntl',
    });
    expect(() => ofdHolder(reader, 'unlock' as 'shared', 0, 0)).toThrow(TypeError);
  });
});

test('flock excludes per description; the two kinds do not see each other', () => {
  const [first = -1, second = -1] = file(2).fds;
  expect(flock(first, 'exclusive')).toBe(true);
  expect(flock(second, 'shared')).toBe(false);
  expect(ofdLock(second, 'exclusive', 0, 0)).toBe(true);
  expect(flock(first, 'shared')).toBe(true);
  expect(flock(second, 'shared')).toBe(true);
  expect(flock(first, 'unlock')).toBe(true);
  expect(flock(second, 'exclusive')).toBe(true);
});

test.each(['ofd', 'flock'] as const)(
  'the kernel releases the %s lock of a process that is killed',
  async (kind) => {
    const { path, fds } = file(1);
    const [fd = -1] = fds;
    const take = (): boolean => (kind === 'ofd' ? ofdLock(fd, 'exclusive', 0, 0) : flock(fd, 'exclusive'));
    const worker = startWorker('lock-holder', [kind, path]);
    expect(await worker.line()).toBe('held');
    expect(take()).toBe(false);
    if (kind === 'ofd') expect(ofdHolder(fd, 'shared', 0, 0)).toBe(true);
    worker.child.kill('SIGKILL');
    await worker.ended;
    expect(take()).toBe(true);
  },
);
