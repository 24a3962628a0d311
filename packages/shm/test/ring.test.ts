import { ring } from '@ipc/shm';
import { channelConformance, noLeaks } from '@ipc/testkit';
import { describe } from 'vitest';

noLeaks();

const peer = new URL('../dist-test/workers/ring-peer.js', import.meta.url);

channelConformance(() => ring(), { peer });
describe('in a ring that most messages are larger than', () => {
  channelConformance(() => ring({ capacityBytes: 4096 }), { peer });
});
