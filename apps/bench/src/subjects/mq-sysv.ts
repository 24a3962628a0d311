import { SysvQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { queueSubject } from './queue-subject.ts';

export const subject: MessageSubject<Uint8Array> = queueSubject({
  id: 'mq.sysv',
  floor: 'mq.sysv',
  openOrCreate: (name) => SysvQueue.openOrCreate(name, { type: 1, select: 0 }),
  unlink: (name) => SysvQueue.unlink(name),
});
