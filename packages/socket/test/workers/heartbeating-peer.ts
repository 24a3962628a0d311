import { heartbeating, unix } from '@ipc/socket';
import { runPeer } from '@ipc/testkit/peer';

const [, , timeoutMs = '20000'] = process.argv;
runPeer(() => heartbeating(unix(), { intervalMs: 20, timeoutMs: Number(timeoutMs) }));
