import { seqpacket } from '@ipc/socket';
import { channelConformance, noLeaks } from '@ipc/testkit';

noLeaks();

channelConformance(() => seqpacket(), {
  peer: new URL('../dist-test/workers/seqpacket-peer.js', import.meta.url),
});
