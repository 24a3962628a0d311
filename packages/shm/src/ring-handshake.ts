/**
 * What a ring listener says to those who connect, before anything else:
 *
 *    0 +----------------+----------------+----------------+----------------+
 *      | magic "IPCH"   | version, u16   | status, u16    | text bytes     |   little-endian
 *   12 +----------------+----------------+----------------+----------------+
 *      | text: why not, UTF-8; empty when the status is 0 ...
 *
 * With status 0 the message carries a descriptor (SCM_RIGHTS): a sealed region of kind "ring" that holds two rings of
 * the same capacity, first the listener's, then the connecting side's. Normative: docs/wire-formats/ring.md.
 */
import { fromErrno, IpcError, onAbort, rejected, type IpcErrorCode } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from '@ipc/socket';

const MAGIC = 0x48435049;
const VERSION = 1;
const HEADER_BYTES = 12;
const MAX_TEXT_BYTES = 1024;

/** By status. */
const refusals: readonly (IpcErrorCode | undefined)[] = [
  undefined,
  'ERR_IPC_LIMIT',
  'ERR_IPC_PERMISSION',
  'ERR_IPC_SYSTEM',
];

/** Hands the region over. */
export function sendRegion(fd: number, region: number): void {
  send(fd, 0, '', [region]);
}

/** Says why there will be no channel. */
export function sendRefusal(fd: number, { code, message }: IpcError): void {
  const status = refusals.indexOf(code);
  send(fd, status < 1 ? refusals.length - 1 : status, message, []);
}

function send(fd: number, status: number, text: string, fds: readonly number[]): void {
  const encoded = new TextEncoder().encode(text).subarray(0, MAX_TEXT_BYTES);
  const hello = new Uint8Array(HEADER_BYTES + encoded.length);
  const view = new DataView(hello.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, status, true);
  view.setUint32(8, encoded.length, true);
  hello.set(encoded, HEADER_BYTES);
  native.sendMessage(fd, hello, 0, hello.length, fds); // the first bytes on a fresh socket: there is room
}

/**
 * Waits for the listener's word.
 *
 * @param fd - Connected; stays the caller's.
 * @returns The region's descriptor, owned by the caller.
 * @throws {IpcError} Why the listener refused; ERR_IPC_PEER_GONE; ERR_IPC_MISMATCH when it is no ring listener or another version.
 */
export async function receiveRegion(
  fd: number,
  name: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const hello = new Uint8Array(HEADER_BYTES + MAX_TEXT_BYTES);
  for (;;) {
    signal?.throwIfAborted();
    let received: native.ReceivedMessage;
    try {
      received = native.receiveMessage(fd, hello, 0, hello.length, 1);
    } catch (error) {
      throw fromErrno(error, 'connect', name);
    }
    if (received.bytes >= 0) return checkHello(hello.subarray(0, received.bytes), received.fds, name);
    await readable(fd, signal);
  }
}

function checkHello(hello: Uint8Array, fds: readonly number[], name: string): number {
  const [region] = fds;
  try {
    if (hello.length === 0) {
      throw new IpcError(
        'ERR_IPC_PEER_GONE',
        `connect "${name}": the listener vanished during the handshake`,
        { name },
      );
    }
    const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
    if (hello.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
      throw new IpcError('ERR_IPC_MISMATCH', `connect "${name}": no ring listener answers there`, { name });
    }
    const version = view.getUint16(4, true);
    if (version !== VERSION) {
      throw new IpcError(
        'ERR_IPC_MISMATCH',
        `connect "${name}": the listener speaks version ${version}, this program ${VERSION}`,
        { name },
      );
    }
    const status = view.getUint16(6, true);
    if (status !== 0) {
      const text = new TextDecoder().decode(
        hello.subarray(HEADER_BYTES, HEADER_BYTES + view.getUint32(8, true)),
      );
      throw new IpcError(
        refusals[status] ?? 'ERR_IPC_SYSTEM',
        `connect "${name}": the listener refused: ${text}`,
        { name },
      );
    }
    if (region === undefined) {
      throw new IpcError('ERR_IPC_MISMATCH', `connect "${name}": the listener sent no memory`, { name });
    }
    return region;
  } catch (error) {
    if (region !== undefined) letGo(region);
    throw error;
  }
}

function readable(fd: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const watch = native.watch(fd, () => {
      done();
      resolve();
    });
    const forget =
      signal &&
      onAbort(signal, () => {
        done();
        resolve(rejected(signal.reason));
      });
    const done = (): void => {
      watch.close();
      forget?.();
    };
    watch.update(native.READABLE);
  });
}
