/** A pipe's two ends as raw resources: the fd, the kernel's figures, splicing; and the way to messages and streams. */
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { closedError, fromErrno, type Receiver, type Sender, type WaitOptions } from '@ipc/core';
import { bytesReadable, closeAtThreadExit, pipeCapacity, tee } from '@ipc/native';
import { applyCapacity, createPipe, type CapacityOptions } from './capacity.ts';
import { receiverOver, senderOver, type FormatOptions } from './format.ts';
import { spliceAll, type SpliceOptions } from './splice.ts';
import { streamOn } from './stream-on.ts';
import { close } from './let-go.ts';

/** A file, socket or pipe: its descriptor, or something that has one. */
export type Descriptor = number | { readonly fd: number };

/** What both ends share. Whoever holds an end closes it, or hands its descriptor on by one of the methods that say so. */
abstract class PipeEnd implements Disposable {
  #fd: number;

  /** @param fd - The end's descriptor, which it owns from now on. */
  constructor(fd: number) {
    closeAtThreadExit(fd);
    this.#fd = fd;
  }

  /** For a child's `stdio`, for `fs`, for another process. @throws {IpcError} ERR_IPC_CLOSED. */
  get fd(): number {
    if (this.#fd === -1) throw closedError('pipe end');
    return this.#fd;
  }

  /** Bytes the kernel holds before a writer waits. */
  get capacityBytes(): number {
    return pipeCapacity(this.fd);
  }

  /** @throws {IpcError} ERR_IPC_LIMIT over the system's limit, or with more than that waiting. Source: F_SETPIPE_SZ. */
  set capacityBytes(bytes: number) {
    applyCapacity(this.fd, bytes);
  }

  /** Bytes written that nobody has read. Source: FIONREAD. */
  get bytesPending(): number {
    return bytesReadable(this.fd);
  }

  /** Twice is harmless. */
  close(): void {
    if (this.#fd !== -1) close(this.release());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Gives the descriptor away: it is the caller's to close, and this end is closed. */
  release(): number {
    const { fd } = this;
    this.#fd = -1;
    closeAtThreadExit(fd, false);
    return fd;
  }
}

/** The end that is read. */
export class PipeReader extends PipeEnd {
  /** Messages from here on; the receiver owns the descriptor. */
  receiver(options?: FormatOptions): Receiver {
    return receiverOver(streamOn(this.release(), -1), options);
  }

  /** A Node stream of bytes, which owns the descriptor. `Readable.toWeb` makes it a Web stream. */
  toReadable(): Readable {
    return new Socket({ fd: this.release(), readable: true, writable: false });
  }

  /**
   * Moves what comes out of this pipe into a file, a socket or another pipe, without copying it through JavaScript,
   * until the end or `bytes` of it. Both descriptors become non-blocking and stay the caller's. Neither may be that of a
   * Node stream or socket that is open: its event loop cannot watch a descriptor for two.
   *
   * @returns Bytes moved. An abort rejects with `signal.reason`; what was moved is moved.
   * @throws {IpcError} ERR_IPC_PEER_GONE when the target's reader is gone; ERR_IPC_LIMIT on a full disk.
   * Cost: one system call per 1 MiB at most, on this thread; a slow disk makes it wait. Source: splice(2).
   */
  spliceTo(target: Descriptor, options?: SpliceOptions & WaitOptions): Promise<number> {
    return spliceAll(this.fd, descriptorOf(target), options);
  }

  /**
   * Puts what waits in this pipe into another as well, leaving it here; at once, without copying it through JavaScript.
   *
   * @returns Bytes that are now in both pipes; 0 when nothing waits, the other is full, or this is the end.
   * @throws {IpcError} ERR_IPC_PEER_GONE when nobody reads the other. Cost: one system call. Source: tee(2).
   */
  tee(target: PipeWriter, bytes: number = this.bytesPending): number {
    try {
      return Math.max(tee(this.fd, target.fd, bytes), 0);
    } catch (error) {
      throw error instanceof TypeError || error instanceof RangeError ? error : fromErrno(error, 'tee');
    }
  }
}

/** The end that is written. */
export class PipeWriter extends PipeEnd {
  /** Messages from here on; the sender owns the descriptor. */
  sender(options?: FormatOptions): Sender {
    return senderOver(streamOn(-1, this.release()), options);
  }

  /** A Node stream of bytes, which owns the descriptor. `Writable.toWeb` makes it a Web stream. */
  toWritable(): Writable {
    return new Socket({ fd: this.release(), readable: false, writable: true });
  }

  /** As {@link PipeReader.spliceTo}, the other way: fills this pipe from a file, a socket or another pipe. */
  spliceFrom(source: Descriptor, options?: SpliceOptions & WaitOptions): Promise<number> {
    return spliceAll(descriptorOf(source), this.fd, options);
  }
}

/**
 * Creates a pipe as two raw ends, non-blocking and close-on-exec.
 *
 * @throws {RangeError} `capacityBytes`. @throws {IpcError} ERR_IPC_LIMIT: no descriptors left, or the capacity is over the limit.
 * Cost: two system calls. Source: pipe2(2).
 */
export function openPipe(options: CapacityOptions = {}): { reader: PipeReader; writer: PipeWriter } {
  const [readFd, writeFd] = createPipe(options);
  return { reader: new PipeReader(readFd), writer: new PipeWriter(writeFd) };
}

function descriptorOf(descriptor: Descriptor): number {
  return typeof descriptor === 'number' ? descriptor : descriptor.fd;
}
