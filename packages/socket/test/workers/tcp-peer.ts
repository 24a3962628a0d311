import { tcp } from '@ipc/socket';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => tcp());
