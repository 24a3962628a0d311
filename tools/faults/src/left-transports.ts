import type { Transport } from '@ipc/core';
import { fifo } from '@ipc/pipe';
import { ring } from '@ipc/shm';
import { seqpacket, tcp, unix } from '@ipc/socket';

/** What a process is in the middle of a receive of, when it ends. */
export const leftTransports: Readonly<Record<'ring' | 'unix' | 'seqpacket' | 'tcp' | 'fifo', Transport>> = {
  ring: ring({ capacityBytes: 4096 }),
  unix: unix(),
  seqpacket: seqpacket(),
  tcp: tcp(),
  fifo: fifo(),
};
