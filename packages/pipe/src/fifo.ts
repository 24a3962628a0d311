/** Named FIFOs as a transport: one for each direction, one peer. */
import {
  checkGather,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  frameChannel,
  fromErrno,
  IpcError,
  pathOf,
  QueueListener,
  type Channel,
  type GatherOptions,
  type Listener,
  type Traits,
  type Transport,
  type WaitOptions,
} from '@ipc/core';
import { claimPath, DISCONNECT, ofdLock, READABLE, read, write } from '@ipc/native';
import { applyCapacity, type CapacityOptions } from './capacity.ts';
import { checkMode, openToRead, openToWrite, PRIVATE_MODE } from './fifo-file.ts';
import { decodeGreeting, differenceOf, encodeGreeting, GREETING_BYTES } from './fifo-greeting.ts';
import { FifoRendezvous } from './fifo-rendezvous.ts';
import { firstReady } from './first-ready.ts';
import { streamOn } from './stream-on.ts';
import { close, release } from './let-go.ts';

export interface FifoOptions extends CapacityOptions {
  /** Both ends must agree; a difference is ERR_IPC_MISMATCH. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When what was sent leaves. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
  /** Permission bits of the FIFOs. @default 0o600 */
  readonly mode?: number | undefined;
}

/**
 * Channels over two FIFOs in the runtime directory; between any two processes of this machine.
 *
 * The listener makes them, the first to connect gets them, and both files are removed before the first message: a
 * killed process leaves at most files that nobody listens on, which the next `listen` of that name replaces. Death of
 * either side is told by the kernel. No open ever blocks a thread.
 */
export function fifo(options: FifoOptions = {}): Transport {
  const { capacityBytes, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, mode = PRIVATE_MODE } = options;
  const traits: Traits = {
    maxMessageBytes: checkMaxMessageBytes(maxMessageBytes),
    peers: 'one',
    peerDeath: 'kernel',
    halfClose: true,
    scope: 'machine',
  };
  const gather = checkGather(options.gather);
  checkMode(mode);

  const channelOver = (readFd: number, writeFd: number): Channel => {
    try {
      applyCapacity(writeFd, capacityBytes);
    } catch (error) {
      [readFd, writeFd].forEach(close);
      throw error;
    }
    return frameChannel(streamOn(readFd, writeFd), { maxMessageBytes, gather });
  };

  const listen = async (name: string, { signal }: WaitOptions = {}): Promise<Listener> => {
    signal?.throwIfAborted();
    const lockPath = pathOf(name, 'fifo.lock');
    try {
      const claim = claimPath(lockPath);
      if (claim === undefined)
        throw new IpcError('ERR_IPC_EXISTS', `listen "${name}": a live process listens on it`, { name });
      try {
        const rendezvous = new FifoRendezvous(pathsOf(name), mode, maxMessageBytes, {
          peer: (readFd, writeFd) => {
            listener.push(channelOver(readFd, writeFd));
          },
          fail: (error) => {
            listener.fail(fromErrno(error, 'listen', name));
          },
        });
        const listener = new QueueListener(name, () => {
          rendezvous.close();
          release(claim);
        });
        return await Promise.resolve(listener);
      } catch (error) {
        release(claim);
        throw error;
      }
    } catch (error) {
      throw fromErrno(error, 'listen', name);
    }
  };

  const connect = async (name: string, { signal }: WaitOptions = {}): Promise<Channel> => {
    signal?.throwIfAborted();
    const { there, back } = pathsOf(name);
    const fds: number[] = [];
    try {
      const writeFd = openToWrite(there);
      fds.push(writeFd);
      if (!ofdLock(writeFd, 'exclusive', 0, 0)) throw takenError(name);
      const readFd = openToRead(back);
      fds.push(readFd);
      write(writeFd, encodeGreeting(maxMessageBytes), 0, GREETING_BYTES);
      await answer(name, readFd, writeFd, maxMessageBytes, signal);
      fds.length = 0; // the channel's from here on
      return channelOver(readFd, writeFd);
    } catch (error) {
      fds.forEach(close);
      if (signal?.aborted === true) throw signal.reason;
      throw connectError(error, name);
    }
  };

  return { id: 'pipe.fifo', traits, listen, connect };
}

/** The two FIFOs of a name, as the connector sees them. */
function pathsOf(name: string): { there: string; back: string } {
  return { there: pathOf(name, 'there.fifo'), back: pathOf(name, 'back.fifo') };
}

/** Resolves once the listener has answered the greeting in kind. It may be stopped: this waits; it may die: this fails. */
async function answer(
  name: string,
  readFd: number,
  writeFd: number,
  maxMessageBytes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const first = await firstReady(
    [
      { fd: readFd, events: READABLE },
      { fd: writeFd, events: DISCONNECT }, // it fails when its reader, the listener, is gone
    ],
    signal,
  );
  const bytes = new Uint8Array(GREETING_BYTES);
  const count = first.fd === readFd ? read(readFd, bytes, 0, GREETING_BYTES) : 0;
  if (count <= 0)
    throw new IpcError(
      'ERR_IPC_NOT_FOUND',
      `connect "${name}": its listener has gone or has accepted another process`,
      { name },
    );
  const greeting = decodeGreeting(bytes.subarray(0, count));
  if (greeting === undefined)
    throw new IpcError('ERR_IPC_CORRUPT', `connect "${name}": who listens there is no FIFO listener`, {
      name,
    });
  const difference = differenceOf(maxMessageBytes, greeting);
  if (difference !== undefined)
    throw new IpcError('ERR_IPC_MISMATCH', `connect "${name}": ${difference}`, { name });
}

function takenError(name: string): IpcError {
  return new IpcError(
    'ERR_IPC_NOT_FOUND',
    `connect "${name}": its listener takes one peer, and another process is first`,
    { name },
  );
}

function connectError(error: unknown, name: string): IpcError {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENXIO' && code !== 'EPIPE') return fromErrno(error, 'connect', name);
  return new IpcError('ERR_IPC_NOT_FOUND', `connect "${name}": nobody listens`, { name, cause: error });
}
