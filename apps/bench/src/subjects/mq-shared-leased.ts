import { SharedQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { queueSubject } from './queue-subject.ts';

/** Each message under a lease, which lets it survive its receiver, and acknowledged. */
export const subject: MessageSubject<Uint8Array> = {
  ...queueSubject({
    id: 'mq.shared-leased',
    openOrCreate: (name) => SharedQueue.openOrCreate(name, { capacityBytes: 8 << 20 }),
    unlink: (name) => SharedQueue.unlink(name),
    leases: true,
  }),
  inDepth: 'chosen',
};
