/** The channels this process was started with, by `spawnChild` in its parent. */
import {
  checkGather,
  frameChannel,
  IpcError,
  type Channel,
  type GatherOptions,
  type Receiver,
  type Sender,
} from '@ipc/core';
import { setCloseOnExec } from '@ipc/native';
import { readAnnouncement, writeAnnouncement, type InheritedChannel } from './announcement.ts';
import { receiverOver, senderOver } from './format.ts';
import { streamOn } from './stream-on.ts';

/** What a child decides for itself; the limits are the parent's. */
export interface InheritedOptions {
  /** When what it sends leaves. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
}

/**
 * The two-way channel to the parent, with the limits the parent set.
 *
 * Each channel is handed out once. From then on its descriptors are not inherited by this process's own children.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND: no such channel was passed, or it has been taken. ERR_IPC_MISMATCH: it goes one
 *   way only. ERR_IPC_CORRUPT: the environment names descriptors that are no pipes.
 */
export function inherited(name = 'main', { gather }: InheritedOptions = {}): Channel {
  checkGather(gather);
  const { readFd, writeFd, maxMessageBytes } = take(name, true, true);
  return frameChannel(streamOn(readFd, writeFd), { maxMessageBytes, gather });
}

/** A channel from the parent (`direction: 'to-child'`). @throws As {@link inherited}. */
export function inheritedReceiver(name: string): Receiver {
  const { readFd, ...options } = take(name, true, false);
  return receiverOver(streamOn(readFd, -1), options);
}

/** A channel to the parent (`direction: 'from-child'`). @throws As {@link inherited}. */
export function inheritedSender(name: string, { gather }: InheritedOptions = {}): Sender {
  checkGather(gather);
  const { writeFd, ...options } = take(name, false, true);
  return senderOver(streamOn(-1, writeFd), { ...options, gather });
}

function take(
  name: string,
  reads: boolean,
  writes: boolean,
): InheritedChannel & { readFd: number; writeFd: number } {
  const { [name]: channel, ...others } = readAnnouncement();
  if (channel === undefined) {
    const message = `this process has inherited no channel "${name}": its parent did not pass one, or it has been taken`;
    throw new IpcError('ERR_IPC_NOT_FOUND', message, { name });
  }
  const { readFd, writeFd } = channel;
  if ((readFd !== undefined) !== reads || (writeFd !== undefined) !== writes) {
    const way =
      readFd === undefined
        ? 'from child to parent'
        : writeFd === undefined
          ? 'from parent to child'
          : 'both ways';
    throw new IpcError('ERR_IPC_MISMATCH', `the inherited channel "${name}" goes ${way}`, { name });
  }
  for (const fd of [readFd, writeFd]) if (fd !== undefined) setCloseOnExec(fd, true);
  writeAnnouncement(others);
  return { ...channel, readFd: readFd ?? -1, writeFd: writeFd ?? -1 };
}
