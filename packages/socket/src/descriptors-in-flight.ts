/** A bound on the descriptors that are under way: sent over a unix socket, and not received by its peer. */
import { readFileSync } from 'node:fs';
import { IpcError, type Channel } from '@ipc/core';
import * as native from '@ipc/native';
import { attachedTo, MAX_DESCRIPTORS, releaseSent } from './descriptors.ts';

/** Half of what a user may have under way with the usual RLIMIT_NOFILE, 1,024, and two messages with all they can carry. */
const defaultMost = 512;

/** What the kernel counts for anything sent, at least: `struct sk_buff` and `struct skb_shared_info`. */
const leastBytes = 512;

/** Nothing tells when the peer receives while the socket has room, so whoever waits looks, at pauses that grow. */
const [firstPauseMs, longestPauseMs] = [1, 32];

const ofChannels = new WeakMap<Channel, DescriptorsInFlight>();

/**
 * The descriptors that were sent with messages of a channel and that the process at its other end has not received.
 *
 * At `maxDescriptorsInFlight` the channel has no room for a message that brings more: `send` waits, `trySend` returns false.
 *
 * @returns Exact when it is 0, else what it may be at most: what the kernel tells is the memory of what was not received.
 *   `undefined` for a channel that carries none, or a wrapped one.
 * Cost: a system call while there may be any.
 */
export function descriptorsInFlight(channel: Channel): number | undefined {
  return ofChannels.get(channel)?.count;
}

/** @throws {RangeError} Not a positive integer. */
export function checkMaxDescriptorsInFlight(most: number = defaultMost): number {
  if (Number.isInteger(most) && most >= 1) return most;
  throw new RangeError(`maxDescriptorsInFlight must be a positive integer, got ${most}`);
}

/** Sends messages with descriptors over one socket, and knows how many of these have not been received. */
export class DescriptorsInFlight {
  /** Called when there is room again after `isFull`; assigned by the owner. */
  onRoom: () => void = () => undefined;
  readonly #fd: number;
  readonly #most: number;
  /** What was sent, oldest first; of what was received some. */
  #sent: { readonly descriptors: number; readonly bytes: number }[] = [];
  #count = 0;
  #refused = 0;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(fd: number, most: number) {
    this.#fd = fd;
    this.#most = most;
  }

  /** Remembers that these are the channel's. */
  belongTo(channel: Channel): void {
    ofChannels.set(channel, this);
  }

  get count(): number {
    if (this.#count > 0 && !this.#closed) this.#settle();
    return this.#count;
  }

  /** The last message was refused for its descriptors, and there is no room for them yet. */
  get isFull(): boolean {
    return this.#pause !== undefined;
  }

  /**
   * Sends `bytes` with what is attached to `message`, which is the sender's no more unless this returns -1 or throws.
   *
   * @returns Bytes sent; -1 when the socket has no room, or it {@link isFull}.
   * @throws {IpcError} ERR_IPC_LIMIT when it can never be sent, or the user has too many under way. Errno errors of `sendMessage`.
   */
  send(message: Uint8Array, bytes: Uint8Array): number {
    const descriptors = attachedTo(message);
    if (!this.#hasRoom(descriptors.length)) return -1;
    const written = this.#send(bytes, descriptors);
    if (written === -1) return -1;
    releaseSent(message);
    this.#sent.push({ descriptors: descriptors.length, bytes: written });
    this.#count += descriptors.length;
    return written;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#sent = [];
    this.#count = 0;
  }

  #send(bytes: Uint8Array, descriptors: readonly number[]): number {
    try {
      return native.sendMessage(this.#fd, bytes, 0, bytes.length, descriptors);
    } catch (error) {
      const { code, errno, syscall } = error as NodeJS.ErrnoException;
      if (code !== 'ETOOMANYREFS') throw error;
      throw new IpcError('ERR_IPC_LIMIT', tooManyOfUser(descriptors.length), {
        errno,
        syscall,
        cause: error,
      });
    }
  }

  #hasRoom(descriptors: number): boolean {
    if (descriptors > this.#most) throw new IpcError('ERR_IPC_LIMIT', tooManyAtOnce(descriptors, this.#most));
    if (this.#count + descriptors <= this.#most || this.count + descriptors <= this.#most) return true;
    this.#refused = descriptors;
    if (this.#pause === undefined) this.#lookAfter(firstPauseMs);
    return false;
  }

  #lookAfter(pauseMs: number): void {
    this.#pause = setTimeout(() => {
      if (this.count + this.#refused > this.#most) {
        this.#lookAfter(Math.min(2 * pauseMs, longestPauseMs));
        return;
      }
      this.#pause = undefined;
      this.onRoom();
    }, pauseMs);
  }

  /**
   * Forgets what was received. The peer receives in order, and what it has not received takes memory: as many bytes as were
   * sent and at least {@link leastBytes} for each message. So those cannot wait behind which more was sent than there is.
   */
  #settle(): void {
    const unreadBytes = native.unreadBytes(this.#fd);
    let first = this.#sent.length;
    let count = 0;
    for (let neededBytes = 0; first > 0; first--) {
      const { descriptors, bytes } = this.#sent[first - 1] ?? { descriptors: 0, bytes: 0 };
      neededBytes += Math.max(bytes, leastBytes);
      if (neededBytes > unreadBytes) break;
      count += descriptors;
    }
    if (first > 0) this.#sent = this.#sent.slice(first);
    this.#count = count;
  }
}

function tooManyAtOnce(descriptors: number, most: number): string {
  const needed = `set it to ${descriptors} or more (a message carries ${MAX_DESCRIPTORS} at most), or send fewer with one message`;
  return `send: a message with ${descriptors} descriptors exceeds maxDescriptorsInFlight, which is ${most}; ${needed}`;
}

function tooManyOfUser(descriptors: number): string {
  const limit = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 'unknown';
  return `send: ETOOMANYREFS: ${descriptors} descriptors more would be too many: those of this user that are under way between processes may be as many as one process may have open, which is ${limit} (RLIMIT_NOFILE); wait until some were received, or raise it with \`ulimit -n <count>\``;
}
