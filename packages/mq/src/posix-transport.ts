import { QueueListener, type Channel, type Listener, type Transport, type WaitOptions } from '@ipc/core';
import { close } from '@ipc/native';
import { dialUnix, serveUnix } from '@ipc/socket';
import { posixChannel } from './posix-channel.ts';
import type { PosixDescriptor } from './posix-descriptor.ts';
import { receiveQueues, sendQueues, sendRefusal, type QueuePair } from './posix-handshake.ts';
import { posixQueueLimits } from './posix-limits.ts';
import { createUnlinkedQueue } from './posix-queue.ts';

export interface PosixQueueTransportOptions {
  /** Messages in flight per direction before `send` waits. @default the kernel's, 10 */
  readonly maxMessages?: number | undefined;
  /** @default the kernel's, 8,192 */
  readonly maxMessageBytes?: number | undefined;
}

/** Of the rendezvous socket's file. */
const suffix = 'mq';

/**
 * Channels over two POSIX message queues, which the listener makes, unlinks at once, and hands to the client.
 *
 * A message is one system call to send and one to receive, whatever its size. Queues take from RLIMIT_MSGQUEUE: with the
 * defaults of both, four channels fit a user, and the client of a fifth gets ERR_IPC_LIMIT.
 *
 * @throws {RangeError} A size that is no positive integer.
 * @throws {IpcError} ERR_IPC_UNSUPPORTED or ERR_IPC_NOT_FOUND when this system has no POSIX queues. ERR_IPC_LIMIT, from
 *   `connect`: a size or number of queues over a limit of the kernel.
 */
export function posixQueue({ maxMessages, maxMessageBytes }: PosixQueueTransportOptions = {}): Transport {
  for (const [key, value] of Object.entries({ maxMessages, maxMessageBytes })) {
    if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
      throw new RangeError(`${key} must be a positive integer, got ${value}`);
    }
  }
  const limits = posixQueueLimits();
  const messages = maxMessages ?? Math.min(limits.defaultMessages, limits.maxMessages);
  const messageBytes = maxMessageBytes ?? Math.min(limits.defaultMessageBytes, limits.maxMessageBytes);

  const listen = async (name: string, { signal }: WaitOptions = {}): Promise<Listener> => {
    signal?.throwIfAborted();
    const listener = new QueueListener(name, () => server.close());
    const server = await serveUnix(name, {
      suffix,
      onConnection: (socketFd) => {
        const channel = welcome(socketFd, messages, messageBytes);
        if (channel !== undefined) listener.push(channel);
      },
      onFailure: (error) => {
        listener.fail(error);
      },
    });
    return listener;
  };

  const connect = async (name: string, { signal }: WaitOptions = {}): Promise<Channel> => {
    const socketFd = await dialUnix(name, { suffix, signal });
    let queues: QueuePair;
    try {
      queues = await receiveQueues(socketFd, signal);
    } catch (error) {
      close(socketFd);
      throw error;
    }
    return posixChannel(socketFd, queues);
  };

  return {
    id: 'mq.posix',
    traits: {
      maxMessageBytes: messageBytes,
      ...{ peers: 'many', peerDeath: 'kernel', halfClose: false, scope: 'machine' },
    },
    listen,
    connect,
  };
}

/** The channel to a client that has just connected; `undefined` when it cannot be had, which the client is told. */
function welcome(socketFd: number, maxMessages: number, messageBytes: number): Channel | undefined {
  const made: PosixDescriptor[] = [];
  const make = (): PosixDescriptor => {
    const queue = createUnlinkedQueue(maxMessages, messageBytes);
    made.push(queue);
    return queue;
  };
  try {
    const queues = { outgoing: make(), incoming: make() };
    if (sendQueues(socketFd, queues)) return posixChannel(socketFd, queues);
  } catch (error) {
    sendRefusal(socketFd, error instanceof Error ? error.message : String(error));
  }
  for (const queue of made) queue.close();
  close(socketFd);
  return undefined;
}
