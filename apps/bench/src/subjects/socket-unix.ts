import { unix } from '@ipc/socket';
import { MOST_MESSAGE_BYTES } from '../message-format.ts';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = transportSubject(
  unix({ maxMessageBytes: MOST_MESSAGE_BYTES }),
  {
    floor: 'socket.unix',
    copies: true,
    spins: true,
    fans: true,
  },
);
