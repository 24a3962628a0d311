import { posixQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

/** A channel over two queues, which sends several messages at once and reads ahead. */
export const subject: MessageSubject<Uint8Array> = {
  ...transportSubject(posixQueue(), { floor: 'mq.posix' }),
  inDepth: 'chosen',
};
