import { ring } from '@ipc/shm';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = transportSubject(ring(), {
  floor: 'shm.ring',
  spins: true,
  sendsAtOnce: true,
  fans: true,
});
