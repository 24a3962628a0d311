import type { Channel, Listener, Traits, Transport, WaitOptions } from './channel.ts';
import { IpcError } from './errors.ts';
import { checkName } from './name.ts';
import { QueueListener } from './queue-listener.ts';

/**
 * A transport whose two ends are in one process: its names are private to it, so both ends must use the same one.
 *
 * @param traits - All but the scope, which is this process.
 * @param connectPair - Makes two connected channels; the second goes to the listener.
 */
export function localTransport(
  id: string,
  traits: Omit<Traits, 'scope' | 'peers'>,
  connectPair: () => readonly [Channel, Channel],
): Transport {
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
    const [near, far] = connectPair();
    listener.push(far);
    return Promise.resolve(near);
  };

  return { id, traits: { ...traits, peers: 'many', scope: 'process' }, listen, connect };
}
