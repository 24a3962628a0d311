import { seqpacket } from '@ipc/socket';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => seqpacket());
