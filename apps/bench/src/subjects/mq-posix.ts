import { posixQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = transportSubject(posixQueue(), { floor: 'mq.posix' });
