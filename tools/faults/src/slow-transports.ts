import type { Transport } from '@ipc/core';
import { fifo } from '@ipc/pipe';
import { heartbeating, reconnecting, seqpacket, tcp, unix } from '@ipc/socket';

const transports: Readonly<Record<string, () => Transport>> = {
  unix: () => unix(),
  seqpacket: () => seqpacket(),
  tcp: () => tcp(),
  fifo: () => fifo(),
  heartbeating: () => heartbeating(unix(), { timeoutMs: 60_000 }),
  reconnecting: () => reconnecting(unix()),
};

export const slowKinds: readonly string[] = Object.keys(transports);

export function transportOf(kind: string): Transport {
  const make = transports[kind];
  if (make === undefined) throw new RangeError(`no transport "${kind}"`);
  return make();
}
