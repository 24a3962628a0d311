import { IpcError } from '@ipc/core';
import * as native from '@ipc/native';

/**
 * What is asked for as the send buffer of a unix socket. A sender is woken when three quarters of its buffer are free. The
 * system's default, 208 KiB, holds three messages of 64 KiB, and then the receiver has none left when the sender goes on:
 * they would take turns.
 */
export const DEFAULT_SEND_BUFFER_BYTES: number = 512 << 10;

/** What the kernel keeps of the send buffer for itself, per packet. */
const overheadBytes = 32;

/**
 * Makes room for a packet of so many bytes, and better for several.
 *
 * @throws {IpcError} ERR_IPC_LIMIT when not even one fits.
 */
export function reserveSendBuffer(fd: number, packetBytes: number): void {
  const needed = packetBytes + overheadBytes;
  native.setSocketBuffer(fd, 'send', Math.max(needed, DEFAULT_SEND_BUFFER_BYTES));
  const got = native.socketBuffer(fd, 'send');
  if (got >= needed) return;
  throw new IpcError(
    'ERR_IPC_LIMIT',
    `a packet of ${packetBytes} bytes needs a send buffer of ${needed}, and net.core.wmem_max allows ${got}; raise it with \`sysctl net.core.wmem_max=${needed}\` or lower maxMessageBytes`,
  );
}
