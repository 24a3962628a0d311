import { SharedQueue } from '@ipc/mq';
import { noLeaks, queueConformance } from '@ipc/testkit';

noLeaks();

/** So little that a test can fill it. */
const size = { capacityBytes: 256 << 10 };

queueConformance(
  {
    id: 'mq.shared',
    create: (name) => SharedQueue.create(name, size),
    open: (name) => SharedQueue.open(name),
  },
  new URL('../dist-test/workers/shared-queue-peer.js', import.meta.url),
);
