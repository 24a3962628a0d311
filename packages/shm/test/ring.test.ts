import { ring } from '@ipc/shm';
import { channelConformance, noLeaks } from '@ipc/testkit';
import { describe } from 'vitest';

noLeaks();

const peer = new URL('../dist-test/workers/ring-peer.js', import.meta.url);

channelConformance(() => ring(), { peer });
describe('in a ring smaller than its larger messages', () => {
  channelConformance(() => ring({ capacityBytes: 32 << 10 }), { peer });
});
