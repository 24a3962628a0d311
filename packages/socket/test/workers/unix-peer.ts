import { unix } from '@ipc/socket';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => unix());
