import { ring } from '@ipc/shm';
import { MOST_MESSAGE_BYTES } from '../message-format.ts';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = transportSubject(
  ring({ maxMessageBytes: MOST_MESSAGE_BYTES }),
  {
    floor: 'shm.ring',
    copies: true,
    spins: true,
    sendsAtOnce: true,
    fans: true,
  },
);
