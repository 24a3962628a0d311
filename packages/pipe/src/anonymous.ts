/** Anonymous pipes as a transport, for code that is written against `Transport`. */
import {
  checkGather,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  localTransport,
  type Transport,
} from '@ipc/core';
import { pipePair, type PipePairOptions } from './pipe.ts';

/**
 * Pipes have no names, so these are private to the returned transport: both ends must use the same one, in one process.
 * To another process such a pipe goes by inheritance alone: `spawnChild`.
 */
export function anonymous({
  capacityBytes,
  maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
  gather,
}: PipePairOptions = {}): Transport {
  checkMaxMessageBytes(maxMessageBytes);
  checkGather(gather);
  return localTransport('pipe.anonymous', { maxMessageBytes, peerDeath: 'kernel', halfClose: true }, () =>
    pipePair({ capacityBytes, maxMessageBytes, gather }),
  );
}
