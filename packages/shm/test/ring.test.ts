import { ring } from '@ipc/shm';
import { channelConformance, noLeaks } from '@ipc/testkit';

noLeaks();

channelConformance(() => ring(), { peer: new URL('../dist-test/workers/ring-peer.js', import.meta.url) });
