import { tcp } from '@ipc/socket';
import { channelConformance, noLeaks } from '@ipc/testkit';

noLeaks();

channelConformance(() => tcp(), { peer: new URL('../dist-test/workers/tcp-peer.js', import.meta.url) });
