import { fifo } from '@ipc/pipe';
import { MOST_MESSAGE_BYTES } from '../message-format.ts';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = {
  ...transportSubject(fifo({ maxMessageBytes: MOST_MESSAGE_BYTES }), { floor: 'pipe.fifo' }),
  inDepth: 'chosen',
};
