/** One-way FIFOs: by name with many writers, and by path with any program. */
import {
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  fromErrno,
  IpcError,
  pathOf,
  ReceiveHalf,
  streamSender,
  type Receiver,
  type Sender,
  type WaitOptions,
} from '@ipc/core';
import { claimPath, DescriptorStream, READABLE } from '@ipc/native';
import { applyCapacity, type CapacityOptions } from './capacity.ts';
import {
  checkMode,
  openToRead,
  openToWrite,
  openToWriteWhenRead,
  placeFifo,
  PRIVATE_MODE,
} from './fifo-file.ts';
import { firstReady } from './first-ready.ts';
import { checkFormat, receiverOver, senderOver, type FormatOptions } from './format.ts';
import { RECORD_MAX_BYTES } from './record.ts';
import { RecordReader } from './record-reader.ts';
import { RecordWriter } from './record-writer.ts';
import { streamOn } from './stream-on.ts';
import { close, release, removeName } from './let-go.ts';

export interface FifoReceiverOptions extends CapacityOptions {
  /** The longest message that is delivered; longer ones are dropped. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** Permission bits of the FIFO. @default 0o600 */
  readonly mode?: number | undefined;
}

/**
 * Receives the messages of any number of senders, which come and go: each whole, each sender's in order.
 *
 * It never ends by itself: `receive` waits, also while there is no sender at all.
 *
 * @throws {IpcError} ERR_IPC_EXISTS when a live process receives on `name`; ERR_IPC_PERMISSION; ERR_IPC_LIMIT.
 *   Later, ERR_IPC_CORRUPT when somebody writes what is no record (docs/wire-formats/fifo.md).
 */
export async function openFifoReceiver(name: string, options: FifoReceiverOptions = {}): Promise<Receiver> {
  const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, mode = PRIVATE_MODE, capacityBytes } = options;
  checkMaxMessageBytes(maxMessageBytes);
  checkMode(mode);
  const path = pathOf(name, 'fifo');
  try {
    const claim = claimPath(`${path}.lock`);
    if (claim === undefined)
      throw new IpcError('ERR_IPC_EXISTS', `receive "${name}": a live process receives on it`, { name });
    const fds: number[] = [];
    try {
      fds.push(placeFifo(path, mode));
      fds.push(openToWrite(path)); // our own writer: that others leave is not the end
      applyCapacity(fds[0] ?? -1, capacityBytes);
      const stream = new FifoStream(fds, () => {
        removeName(path);
        release(claim);
      });
      return await Promise.resolve(new ReceiveHalf(new RecordReader(stream, maxMessageBytes)));
    } catch (error) {
      fds.forEach(close);
      if (fds.length > 0) removeName(path);
      release(claim);
      throw error;
    }
  } catch (error) {
    throw error instanceof RangeError ? error : fromErrno(error, 'receive', name);
  }
}

export interface FifoSenderOptions extends WaitOptions {
  /**
   * The longest message. Up to 4092 bytes the kernel keeps messages whole; beyond, senders take turns by a lock, and a
   * message costs a write per 4 KiB. @default 4092
   */
  readonly maxMessageBytes?: number | undefined;
  /** Wait for a receiver instead of failing. @default false */
  readonly wait?: boolean | undefined;
}

/**
 * Sends to the receiver of that name, beside any number of others.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND when nobody receives on `name`, unless `wait`; ERR_IPC_PERMISSION.
 *   Once the receiver has closed or died, `closed` settles and sends reject with ERR_IPC_PEER_GONE.
 */
export async function openFifoSender(name: string, options: FifoSenderOptions = {}): Promise<Sender> {
  const { maxMessageBytes = RECORD_MAX_BYTES, wait = false, signal } = options;
  checkMaxMessageBytes(maxMessageBytes);
  signal?.throwIfAborted();
  const path = pathOf(name, 'fifo');
  const fd = await orReason(signal, 'send', name, () =>
    wait ? openToWriteWhenRead(path, ['ENXIO', 'ENOENT'], signal) : openToWrite(path),
  );
  const stream = streamOn(-1, fd);
  return streamSender(stream, new RecordWriter(stream, fd, maxMessageBytes));
}

export interface ReadFifoOptions extends FormatOptions, WaitOptions {
  /** `last-writer`: the end is when all writers have left, as for `cat`. `never`: writers come and go. @default 'last-writer' */
  readonly end?: 'last-writer' | 'never' | undefined;
}

/**
 * Reads a FIFO that any program writes, at a path. Resolves once the first writer has written or left (`end: 'never'`: at once).
 *
 * The file must exist (`createFifo`, mkfifo(1)) and stays. `signal` ends the waiting for the first writer.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND; ERR_IPC_PERMISSION; ERR_IPC_MISMATCH when it is no FIFO.
 */
export async function readFifo(
  path: string,
  { end = 'last-writer', signal, ...format }: ReadFifoOptions = {},
): Promise<Receiver> {
  if (!['last-writer', 'never'].includes(end))
    throw new TypeError(`end must be last-writer or never, got ${end}`);
  checkFormat(format);
  const fds: number[] = [];
  return orReason(signal, 'read FIFO', path, async () => {
    try {
      signal?.throwIfAborted();
      const fd = openToRead(path);
      fds.push(fd);
      if (end === 'never') fds.push(openToWrite(path));
      else await firstReady([{ fd, events: READABLE }], signal);
      return receiverOver(new FifoStream(fds), format);
    } catch (error) {
      fds.forEach(close);
      throw error;
    }
  });
}

/**
 * Writes a FIFO that any program reads, at a path. Resolves once somebody reads it; `signal` ends the waiting.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND; ERR_IPC_PERMISSION; ERR_IPC_MISMATCH when it is no FIFO.
 */
export async function writeFifo(
  path: string,
  { signal, ...format }: FormatOptions & WaitOptions = {},
): Promise<Sender> {
  checkFormat(format);
  signal?.throwIfAborted();
  const fd = await orReason(signal, 'write FIFO', path, () => openToWriteWhenRead(path, ['ENXIO'], signal));
  return senderOver(streamOn(-1, fd), format);
}

/** A FIFO's reading end, with what is to go when it is closed: a writer of our own, names. */
class FifoStream extends DescriptorStream {
  #keepFd: number;
  #onClose: () => void;

  constructor([readFd = -1, keepFd = -1]: readonly number[], onClose: () => void = () => undefined) {
    super(readFd, -1);
    this.#keepFd = keepFd;
    this.#onClose = onClose;
  }

  override close(): void {
    super.close();
    close(this.#keepFd);
    this.#keepFd = -1;
    this.#onClose();
    this.#onClose = () => undefined;
  }
}

/** Runs `call`; its failure becomes an IpcError, an abort its reason. */
async function orReason<T>(
  signal: AbortSignal | undefined,
  what: string,
  name: string,
  call: () => T | Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw fromErrno(error, what, name);
  }
}
