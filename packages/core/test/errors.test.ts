import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { fromErrno, IpcError, ipcErrorCodes, isIpcError } from '@ipc/core';

const errnoError = (code: string): Error =>
  Object.assign(new Error(`${code}: something, open`), { code, errno: -1, syscall: 'open' });

test('an IpcError has a name, a code, a context and a cause', () => {
  const cause = new Error('why');
  const error = new IpcError('ERR_IPC_LIMIT', 'too many', {
    name: 'orders',
    syscall: 'open',
    errno: -24,
    cause,
  });
  expect(error).toMatchObject({
    name: 'IpcError',
    code: 'ERR_IPC_LIMIT',
    context: { name: 'orders', syscall: 'open', errno: -24 },
    cause,
  });
});

test('isIpcError tells its own from others, also by code', () => {
  const error = new IpcError('ERR_IPC_CLOSED', 'closed');
  expect(isIpcError(error)).toBe(true);
  expect(isIpcError(error, 'ERR_IPC_CLOSED')).toBe(true);
  expect(isIpcError(error, 'ERR_IPC_LIMIT')).toBe(false);
  expect(isIpcError(new Error('x'))).toBe(false);
  expect(isIpcError(undefined)).toBe(false);
  expect(isIpcError(runInNewContext('({ code: "ERR_IPC_CLOSED" })'))).toBe(false);
});

test.each([
  ['EADDRINUSE', 'ERR_IPC_EXISTS'],
  ['ENOENT', 'ERR_IPC_NOT_FOUND'],
  ['ECONNREFUSED', 'ERR_IPC_NOT_FOUND'],
  ['EACCES', 'ERR_IPC_PERMISSION'],
  ['EPIPE', 'ERR_IPC_PEER_GONE'],
  ['EMSGSIZE', 'ERR_IPC_TOO_LARGE'],
  ['ENOSYS', 'ERR_IPC_UNSUPPORTED'],
  ['EIO', 'ERR_IPC_SYSTEM'],
  ['ERR_IPC_UNSUPPORTED', 'ERR_IPC_UNSUPPORTED'],
])('%s becomes %s and keeps its cause', (errno, code) => {
  const cause = errnoError(errno);
  expect(fromErrno(cause, 'open', 'orders')).toMatchObject({
    code,
    cause,
    context: { name: 'orders', syscall: 'open' },
  });
});

test.each(['EMFILE', 'ENFILE', 'ENOSPC', 'ENOMEM'])('%s names the limit and what to do', (errno) => {
  const error = fromErrno(errnoError(errno), 'open');
  expect(error.code).toBe('ERR_IPC_LIMIT');
  expect(error.message).toMatch(/`.+`/);
});

test('an IpcError passes through, a stranger becomes ERR_IPC_SYSTEM', () => {
  const error = new IpcError('ERR_IPC_CLOSED', 'closed');
  expect(fromErrno(error, 'open')).toBe(error);
  expect(fromErrno('text', 'open')).toMatchObject({ code: 'ERR_IPC_SYSTEM' });
  expect(fromErrno(undefined, 'open')).toMatchObject({ code: 'ERR_IPC_SYSTEM' });
});

test('every code says what it means', () => {
  for (const [code, meaning] of Object.entries(ipcErrorCodes)) {
    expect(code).toMatch(/^ERR_IPC_[A-Z_]+$/);
    expect(meaning.length).toBeGreaterThan(10);
  }
});
