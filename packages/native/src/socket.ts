/** Unix domain sockets, with what `node:net` leaves out: seqpacket, datagrams, fds, credentials. */
import { native } from './binding.ts';

/** Bytes in order; messages in order with their bounds; messages without a connection. See unix(7). */
export type SocketType = 'stream' | 'seqpacket' | 'datagram';

/** Who is at the other end: as of its `connect`, `listen` or `socketPair`. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What `receiveMessage` took. */
export interface ReceivedMessage {
  /** Bytes; 0 at the end (or for an empty datagram); -1 when nothing is there. */
  readonly bytes: number;
  /** The fds that came with it, close-on-exec. They are the caller's to close. */
  readonly fds: number[];
  /** The message was longer than the room, or brought more fds than asked for; the rest is lost. */
  readonly truncated: boolean;
}

/** A socket of family AF_UNIX, non-blocking. @throws EMFILE, ENFILE. Source: socket(2). */
export const socket: (type: SocketType) => number = native('socket');

/** Two connected sockets, non-blocking. @throws EMFILE, ENFILE. Source: socketpair(2). */
export const socketPair: (type: SocketType) => [a: number, b: number] = native('socketPair');

/**
 * Gives a socket its address: a path (107 bytes at most), which is created, or an abstract name (108 bytes at most, the
 * leading NUL included), which vanishes with the socket and has no permissions.
 *
 * @throws {TypeError} NUL inside a path. @throws {RangeError} Empty.
 * @throws EADDRINUSE, ENAMETOOLONG, ENOENT, EACCES, EINVAL. Source: bind(2), unix(7).
 */
export const bind: (fd: number, path: string | Uint8Array) => void = native('bind');

/** Accepts connections. @param backlog - Cut to /proc/sys/net/core/somaxconn. @throws EINVAL, EOPNOTSUPP. Source: listen(2). */
export const listen: (fd: number, backlog: number) => void = native('listen');

/**
 * Connects to an address as in `bind`.
 *
 * @returns false when the listener's backlog is full: try again later.
 * @throws ECONNREFUSED (nobody listens), ENOENT, EACCES, EPROTOTYPE (another socket type), ENAMETOOLONG, EISCONN.
 * Source: connect(2).
 */
export const connect: (fd: number, path: string | Uint8Array) => boolean = native('connect');

/** Takes a connection, non-blocking. @returns Its fd; -1 when none waits. @throws EMFILE, EINVAL. Source: accept4(2). */
export const accept: (fd: number) => number = native('accept');

/** Ends one direction or both: the peer reads the end once it has read what was sent. @throws ENOTCONN. Source: shutdown(2). */
export const shutdown: (fd: number, how: 'read' | 'write' | 'both') => void = native('shutdown');

/**
 * Sends `source[offset, offset + length)`, with fds if given; never raises SIGPIPE, never blocks.
 *
 * @param fds - Up to 253, duplicated into the receiver. On a stream they need at least one byte to travel with.
 * @returns Bytes sent: fewer than `length` on a stream only; -1 when there is no room.
 * @throws {TypeError} `source`, `fds`. @throws {RangeError} The range, more than 253 fds.
 * @throws EPIPE, ECONNRESET, EMSGSIZE (over SO_SNDBUF), EBADF (one of `fds`), ETOOMANYREFS (too many fds in flight).
 * Cost: one system call. Source: send(2), SCM_RIGHTS in unix(7).
 */
export const sendMessage: (
  fd: number,
  source: Uint8Array,
  offset: number,
  length: number,
  fds?: readonly number[],
) => number = native('sendMessage');

/** What a message brings beside its bytes: [0] cut off, [1] number of fds, [2...] the fds. Reused by every call. */
const extra = new Int32Array(2 + 253);
const receiveInto: (
  fd: number,
  target: Uint8Array,
  offset: number,
  length: number,
  maxFds: number,
  extra: Int32Array,
) => number = native('receiveMessage');

/**
 * Receives a message (or the bytes there are, on a stream) and up to `maxFds` fds; never blocks.
 *
 * @param maxFds - 0..253.
 * @throws {TypeError} `target`. @throws {RangeError} The range, `maxFds`. @throws ECONNRESET, ENOTCONN, EBADF.
 * Cost: one system call and an object. Source: recvmsg(2), SCM_RIGHTS in unix(7).
 */
export function receiveMessage(
  fd: number,
  target: Uint8Array,
  offset: number,
  length: number,
  maxFds: number,
): ReceivedMessage {
  const bytes = receiveInto(fd, target, offset, length, maxFds, extra);
  const count = extra[1] ?? 0;
  return { bytes, fds: count === 0 ? [] : [...extra.subarray(2, 2 + count)], truncated: extra[0] === 1 };
}

/**
 * Sends several messages, or datagrams, with one system call; never raises SIGPIPE, never blocks.
 *
 * @param source - The messages side by side. Message i is `source[ends[i - 1], ends[i])`; the first one starts at 0.
 * @param from - The first to send. @param to - Behind the last to send. Of more than 64 the first 64 are sent.
 * @returns Messages sent, in order; -1 when there is no room for the first.
 * @throws {TypeError} `source`, `ends`. @throws {RangeError} `from`, `to`, offsets that do not ascend inside `source`.
 * @throws As `sendMessage`, for the first message; an error of a later one comes with the next call.
 * Cost: one system call, and the kernel's work for each. Source: sendmmsg(2).
 */
export const sendMessages: (
  fd: number,
  source: Uint8Array,
  ends: Int32Array,
  from: number,
  to: number,
) => number = native('sendMessages');

/**
 * Receives the messages, or datagrams, that are there, at most 64, with one system call; never blocks. Descriptors that come
 * with one are closed by the kernel.
 *
 * @param target - Slots of `slotBytes` each; message i fills slot i from its start.
 * @param lengths - Filled with the bytes of each message, -1 for one that was cut off: too long, or with descriptors. At the
 *   end of a seqpacket socket every message has length 0.
 * @param front - Where given, one message comes: its first bytes go there, and only what does not fit to slot 0.
 * @returns Messages received, as many as there are slots and `lengths` at most; -1 when none is there.
 * @throws {TypeError} `target`, `lengths`, `front`. @throws {RangeError} `slotBytes`, no room for a single slot.
 * @throws As `receiveMessage`; an error behind a message comes with the next call.
 * Cost: one system call, and the kernel's work for each. Source: recvmmsg(2).
 */
export const receiveMessages: (
  fd: number,
  target: Uint8Array,
  slotBytes: number,
  lengths: Int32Array,
  front?: Uint8Array,
) => number = native('receiveMessages');

/** The process at the other end, as the kernel knows it. @throws ENOTSOCK, EBADF. Source: SO_PEERCRED in unix(7). */
export const peerCredentials: (fd: number) => PeerCredentials = native('peerCredentials');

/**
 * A pidfd of the process at the other end, without the race of going by its pid.
 *
 * @returns -1 where the kernel has none to give (before Linux 6.5).
 * @throws ENODATA, ESRCH when there is no peer or it is gone. Source: SO_PEERPIDFD in socket(7).
 */
export const peerPidfd: (fd: number) => number = native('peerPidfd');

/** Sets a buffer; the kernel doubles it, and cuts it to net.core.wmem_max, rmem_max. Source: SO_SNDBUF in socket(7). */
export const setSocketBuffer: (fd: number, which: 'send' | 'receive', bytes: number) => void =
  native('setSocketBuffer');

/** The size of a buffer as the kernel counts it (twice what was set). Source: SO_SNDBUF in socket(7). */
export const socketBuffer: (fd: number, which: 'send' | 'receive') => number = native('socketBuffer');

/**
 * What was sent over a unix socket and its peer has not received, in the memory it takes: the bytes, and at least 512 more or less
 * for each call that sent them.
 *
 * @returns 0 when everything was received. @throws EBADF, ENOTTY. Source: unix_outq_len in Linux' net/unix/af_unix.c.
 */
export const unreadBytes: (fd: number) => number = native('unreadBytes');
