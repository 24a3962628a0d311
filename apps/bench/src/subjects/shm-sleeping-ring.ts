import { ring } from '@ipc/shm';
import { MOST_MESSAGE_BYTES } from '../message-format.ts';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

/** The ring without spins: whoever waits sleeps on its event loop, as with any socket, and has to be woken for each message. */
export const subject: MessageSubject<Uint8Array> = {
  ...transportSubject(ring({ maxMessageBytes: MOST_MESSAGE_BYTES, spinUs: 0 }), { floor: 'shm.ring' }),
  id: 'shm.sleeping-ring',
  scenarios: ['round-trip'],
  inDepth: 'default',
};
