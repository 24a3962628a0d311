import { SysvQueue } from '@ipc/mq';
import { runQueuePeer } from '@ipc/testkit/peer';

runQueuePeer((name) => SysvQueue.open(name));
