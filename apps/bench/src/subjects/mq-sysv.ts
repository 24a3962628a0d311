import { SysvQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { queueSubject } from './queue-subject.ts';

/** In the order of arrival, as the C floor: by priority, the kernel looks through the whole queue for each message. */
export const subject: MessageSubject<Uint8Array> = queueSubject({
  id: 'mq.sysv',
  floor: 'mq.sysv',
  openOrCreate: (name) => SysvQueue.openOrCreate(name, { type: 1, select: 0 }),
  unlink: (name) => SysvQueue.unlink(name),
});
