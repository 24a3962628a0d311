import { iterate, type Channel, type Listener } from '@ipc/core';

/** The same listener, whose channels are wrapped. */
export function mapListener(listener: Listener, wrap: (channel: Channel) => Channel): Listener {
  const accept: Listener['accept'] = async (options) => wrap(await listener.accept(options));
  return {
    name: listener.name,
    closed: listener.closed,
    accept,
    close: (options) => listener.close(options),
    [Symbol.asyncIterator]: () => iterate(accept),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}
