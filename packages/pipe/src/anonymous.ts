/** Anonymous pipes as a transport, for code that is written against `Transport`. */
import {
  checkMaxMessageBytes,
  checkName,
  DEFAULT_MAX_MESSAGE_BYTES,
  IpcError,
  QueueListener,
  type Channel,
  type Listener,
  type Traits,
  type Transport,
  type WaitOptions,
} from '@ipc/core';
import { pipePair, type PipePairOptions } from './pipe.ts';

/**
 * Pipes have no names, so these are private to the returned transport: both ends must use the same one, in one process.
 * To another process such a pipe goes by inheritance alone: `spawnChild`.
 */
export function anonymous({
  capacityBytes,
  maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
}: PipePairOptions = {}): Transport {
  const traits: Traits = {
    maxMessageBytes: checkMaxMessageBytes(maxMessageBytes),
    peers: 'many',
    peerDeath: 'kernel',
    scope: 'process',
  };
  const listeners = new Map<string, QueueListener>();

  const listen = async (name: string, { signal }: WaitOptions = {}): Promise<Listener> => {
    signal?.throwIfAborted();
    if (listeners.has(checkName(name)))
      throw new IpcError('ERR_IPC_EXISTS', `listen "${name}": the name is in use`, { name });
    const listener = new QueueListener(name, () => {
      listeners.delete(name);
    });
    listeners.set(name, listener);
    return Promise.resolve(listener);
  };

  const connect = async (name: string, { signal }: WaitOptions = {}): Promise<Channel> => {
    signal?.throwIfAborted();
    const listener = listeners.get(checkName(name));
    if (listener === undefined)
      throw new IpcError('ERR_IPC_NOT_FOUND', `connect "${name}": nobody listens`, { name });
    const [near, far] = pipePair({ capacityBytes, maxMessageBytes });
    listener.push(far);
    return Promise.resolve(near);
  };

  return { id: 'pipe.anonymous', traits, listen, connect };
}
