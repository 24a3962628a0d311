import { SharedQueue } from '@ipc/mq';
import { runQueuePeer } from '@ipc/testkit/peer';

runQueuePeer((name) => SharedQueue.open(name));
