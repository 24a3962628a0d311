import './without-native.ts';
import { tcp, unix } from '@ipc/socket';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => (process.argv[2] === 'unix' ? unix() : tcp()));
