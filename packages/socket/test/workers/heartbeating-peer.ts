import { heartbeating, unix } from '@ipc/socket';
import { runPeer } from '@ipc/testkit/peer';

runPeer(() => heartbeating(unix(), { intervalMs: 20, timeoutMs: 20_000 }));
