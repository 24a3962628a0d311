import { posixQueue } from '@ipc/mq';
import { channelConformance, noLeaks } from '@ipc/testkit';

noLeaks();
/** Many channels at once have to fit into the RLIMIT_MSGQUEUE that this user shares with everything that runs. */
channelConformance(() => posixQueue({ maxMessages: 10, maxMessageBytes: 2_048 }), {
  peer: new URL('../dist-test/workers/peer.js', import.meta.url),
});
