import type { Transport } from '@ipc/core';
import { unix } from '@ipc/socket';

/**
 * Unix sockets that connect only after what is under way: the death of a peer, whose listening socket may take connections for a moment
 * after its channels have ended.
 */
export function unixAfter(underWay: () => Promise<unknown>): Transport {
  const transport = unix();
  return {
    ...transport,
    async connect(name, wait) {
      await underWay();
      return transport.connect(name, wait);
    },
  };
}
