import { channelConformance, noLeaks } from '@ipc/testkit';
import { fifo } from '@ipc/pipe';

noLeaks();

channelConformance(() => fifo(), { peer: new URL('../dist-test/workers/peer.js', import.meta.url) });
