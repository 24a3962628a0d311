import { SharedQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { queueSubject } from './queue-subject.ts';

/** Its messages are in memory both can see, as those of a ring are: there is no C program that does the same. */
export const subject: MessageSubject<Uint8Array> = queueSubject({
  id: 'mq.shared',
  openOrCreate: (name) => SharedQueue.openOrCreate(name, { capacityBytes: 8 << 20 }),
  unlink: (name) => SharedQueue.unlink(name),
});
