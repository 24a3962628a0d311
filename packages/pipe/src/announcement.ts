/**
 * How a child learns which of its descriptors are channels: one environment variable, JSON.
 *
 *     IPC_PIPE_CHANNELS={"main":{"format":"frames","maxMessageBytes":16777216,"readFd":3,"writeFd":4}}
 *
 * `readFd` is where the child reads, `writeFd` where it writes; a one-way channel has one of them. Programs that know
 * nothing of it use the descriptors as they are. What a program has taken is taken out of its variable, so that its own
 * children find nothing that is not theirs.
 */
import { fstatSync } from 'node:fs';
import { checkMaxMessageBytes, IpcError } from '@ipc/core';
import type { Format } from './format.ts';

export const ANNOUNCEMENT = 'IPC_PIPE_CHANNELS';

/** One channel as the child sees it. */
export interface InheritedChannel {
  readonly format: Format;
  readonly maxMessageBytes: number;
  readonly readFd?: number | undefined;
  readonly writeFd?: number | undefined;
}

export type Announcement = Readonly<Record<string, InheritedChannel>>;

/** The channels nobody has taken yet. @throws {IpcError} ERR_IPC_CORRUPT when the variable is not what a parent writes. */
export function readAnnouncement(environment: NodeJS.ProcessEnv = process.env): Announcement {
  const text = environment[ANNOUNCEMENT];
  if (text === undefined) return {};
  try {
    const channels = JSON.parse(text) as unknown;
    if (typeof channels !== 'object' || channels === null) throw new TypeError('not an object');
    return Object.fromEntries(
      Object.entries(channels).map(([name, channel]) => [name, checkChannel(channel)]),
    );
  } catch (cause) {
    throw new IpcError('ERR_IPC_CORRUPT', `${ANNOUNCEMENT} is damaged: ${String(cause)}`, { cause });
  }
}

/** Leaves `announcement` for those who ask next. */
export function writeAnnouncement(announcement: Announcement): void {
  if (Object.keys(announcement).length > 0) process.env[ANNOUNCEMENT] = JSON.stringify(announcement);
  else Reflect.deleteProperty(process.env, ANNOUNCEMENT);
}

function checkChannel(channel: unknown): InheritedChannel {
  const { format, maxMessageBytes, readFd, writeFd } = channel as Record<string, unknown>;
  if (format !== 'frames' && format !== 'lines' && format !== 'bytes') throw new TypeError('no such format');
  if (typeof maxMessageBytes !== 'number') throw new TypeError('no maxMessageBytes');
  return {
    format,
    maxMessageBytes: checkMaxMessageBytes(maxMessageBytes),
    readFd: checkPipe(readFd),
    writeFd: checkPipe(writeFd),
  };
}

function checkPipe(fd: unknown): number | undefined {
  if (fd === undefined) return undefined;
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0) throw new TypeError('no descriptor');
  if (!fstatSync(fd).isFIFO()) throw new TypeError(`descriptor ${fd} is not a pipe`);
  return fd;
}
