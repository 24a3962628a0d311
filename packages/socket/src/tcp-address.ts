/**
 * Where a name lives among TCP ports.
 *
 * TCP knows ports, not names. A listener without a port of its own takes a free one and publishes it in the file
 * `ipc-NAME.tcp` of the runtime directory; a connector reads it there. The name is claimed by a lock that the kernel
 * frees when its holder dies, so that the port of a dead process, which may be another's by now, is never used.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fromErrno, IpcError, isIpcError, pathOf, quietly } from '@ipc/core';
import * as native from '@ipc/native';
import { sweepNowAndThen } from './sweep.ts';

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** A name taken by this process. */
export interface TcpName {
  publish(address: TcpAddress): void;
  /** Never throws. */
  release(): void;
}

/**
 * Takes a name. Where `@ipc/native` cannot be loaded there are no locks: the last to publish has the name.
 *
 * @throws {IpcError} ERR_IPC_EXISTS when a live process has it; ERR_IPC_PERMISSION.
 */
export function claimTcpName(name: string): TcpName {
  const path = pathOf(name, 'tcp');
  let claim: native.PathClaim | undefined;
  try {
    if (native.unavailable() === undefined) {
      sweepNowAndThen();
      claim = native.claimPath(`${path}.lock`);
      if (claim === undefined) {
        throw new IpcError('ERR_IPC_EXISTS', `listen "${name}": a live process listens on it (${path})`, {
          name,
        });
      }
      rmSync(path, { force: true }); // what a dead process published
    }
  } catch (error) {
    quietly(() => claim?.release());
    throw fromErrno(error, 'listen', name);
  }
  return {
    publish({ host, port }) {
      writeFileSync(`${path}~`, `${host} ${port}\n`, { mode: 0o600 });
      renameSync(`${path}~`, path);
    },
    release() {
      for (const each of [path, `${path}~`])
        quietly(() => {
          rmSync(each, { force: true });
        });
      quietly(() => claim?.release());
    },
  };
}

/**
 * What was published under a name.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND when no live process has it; ERR_IPC_CORRUPT when the file is damaged.
 */
export function resolveTcpName(name: string): TcpAddress {
  const path = pathOf(name, 'tcp');
  let text: string;
  try {
    if (native.unavailable() === undefined && !isHeld(`${path}.lock`)) throw nobodyListens(name);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const failure = fromErrno(error, 'connect', name);
    throw isIpcError(failure, 'ERR_IPC_NOT_FOUND') ? nobodyListens(name) : failure;
  }
  const [, host, port] = /^(\S{1,255}) ([1-9]\d{0,4})\n$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new IpcError('ERR_IPC_CORRUPT', `connect "${name}": ${path} does not hold "HOST PORT"; remove it`, {
      name,
    });
  }
  return { host, port: Number(port) };
}

function isHeld(lockPath: string): boolean {
  const fd = openSync(lockPath, 'r');
  try {
    return native.ofdHolder(fd, 'shared', 0, 1); // byte 1 alone is a sweeper's
  } finally {
    closeSync(fd);
  }
}

function nobodyListens(name: string): IpcError {
  return new IpcError('ERR_IPC_NOT_FOUND', `connect "${name}": nobody listens on it`, { name });
}
