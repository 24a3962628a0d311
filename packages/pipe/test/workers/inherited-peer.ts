import { inherited } from '@ipc/pipe';
import { linkOver, servePeer } from '@ipc/testkit/peer';

servePeer(inherited(), linkOver(inherited('commands')));
