import type { Transport } from '@ipc/core';
import { anonymous, fifo } from '@ipc/pipe';
import { ring } from '@ipc/shm';
import { heartbeating, reconnecting, seqpacket, tcp, unix } from '@ipc/socket';

export type TransportKind =
  'ring' | 'unix' | 'seqpacket' | 'tcp' | 'fifo' | 'anonymous pipe' | 'heartbeating' | 'reconnecting';

/** What campaigns open channels of. */
export const transports: Readonly<Record<TransportKind, Transport>> = {
  ring: ring({ capacityBytes: 4096 }),
  unix: unix(),
  seqpacket: seqpacket(),
  tcp: tcp(),
  fifo: fifo(),
  'anonymous pipe': anonymous(),
  heartbeating: heartbeating(unix(), { timeoutMs: 60_000 }), // the other process may get no turn for long
  reconnecting: reconnecting(unix()),
};

/** The one a process was told to use. @throws {RangeError} There is none of that name. */
export function transportOf(kind: string): Transport {
  if (!Object.hasOwn(transports, kind)) throw new RangeError(`no transport "${kind}"`);
  return transports[kind as TransportKind];
}
