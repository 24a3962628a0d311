import { posixQueue } from '@ipc/mq';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => posixQueue({ maxMessages: 10, maxMessageBytes: 2_048 }));
