import { unix } from '@ipc/socket';
import { channelConformance, noLeaks } from '@ipc/testkit';

noLeaks();

channelConformance(() => unix(), { peer: new URL('../dist-test/workers/unix-peer.js', import.meta.url) });
