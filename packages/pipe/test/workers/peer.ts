import { fifo } from '@ipc/pipe';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => fifo());
