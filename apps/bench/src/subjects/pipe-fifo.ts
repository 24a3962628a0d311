import { fifo } from '@ipc/pipe';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = transportSubject(fifo(), { floor: 'pipe.fifo' });
