import { ring } from '@ipc/shm';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => ring());
