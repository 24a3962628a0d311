import { PosixQueue } from '@ipc/mq';
import { runQueuePeer } from '@ipc/testkit/peer';

runQueuePeer((name) => PosixQueue.open(name, { spillBytes: 2_048 }));
