/** Who is at the other end of a unix socket, as the kernel says: it cannot be forged, and needs no message. */
import { fromErrno, type Channel } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from './let-go.ts';

/** The peer process as it was at its `connect` or `listen`; it may have changed user or passed the socket on since. */
export type PeerCredentials = native.PeerCredentials;

/** Decides whether a peer gets a channel. Throwing, or rejecting, refuses it. */
export type PeerRule = (peer: PeerCredentials) => boolean | Promise<boolean>;

/** Peers that run as this process's own user. */
export function sameUser(): PeerRule {
  const own = process.getuid?.();
  return ({ uid }) => uid === own;
}

/** Peers whose user or group is listed. Only the peer's primary group is known. */
export function oneOf({
  uids = [],
  gids = [],
}: {
  readonly uids?: readonly number[];
  readonly gids?: readonly number[];
}): PeerRule {
  const [users, groups] = [new Set(uids), new Set(gids)];
  return ({ uid, gid }) => users.has(uid) || groups.has(gid);
}

interface KnownPeer {
  readonly credentials: PeerCredentials;
  /** The socket, while it is open. */
  readonly fd: () => number | undefined;
}

const peers = new WeakMap<Channel, KnownPeer>();

/**
 * The channel that `make` makes over `fd`, with its peer remembered. Owns `fd`, also when it throws.
 *
 * @param make - Throws only before anything else owns `fd`.
 * @throws {IpcError} What either of them failed with.
 */
export function channelWithPeer(fd: number, make: () => Channel): Channel {
  try {
    const credentials = native.peerCredentials(fd);
    const channel = make();
    let open = true;
    void channel.closed.then(() => (open = false));
    peers.set(channel, { credentials, fd: () => (open ? fd : undefined) });
    return channel;
  } catch (error) {
    letGo(fd);
    throw fromErrno(error, 'open channel');
  }
}

/**
 * The process at the other end of a channel of `unix` or `seqpacket`, accepted or connected.
 *
 * @returns `undefined` for a channel of another mechanism, or one wrapped by a codec.
 */
export function peerOf(channel: Channel): PeerCredentials | undefined {
  return peers.get(channel)?.credentials;
}

/**
 * A pidfd of the process at the other end: it stays that process's also when the pid is used again. The caller closes it.
 *
 * @returns `undefined` where the kernel gives none (before Linux 6.5), or the channel is over.
 */
export function openPeerPidfd(channel: Channel): number | undefined {
  const fd = peers.get(channel)?.fd();
  if (fd === undefined) return undefined;
  const pidfd = native.peerPidfd(fd);
  return pidfd === -1 ? undefined : pidfd;
}
