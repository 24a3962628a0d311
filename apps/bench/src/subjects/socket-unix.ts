import { unix } from '@ipc/socket';
import type { MessageSubject } from '../subject.ts';
import { transportSubject } from './transport-subject.ts';

export const subject: MessageSubject<Uint8Array> = transportSubject(unix(), {
  floor: 'socket.unix',
  spins: true,
  fans: true,
});
