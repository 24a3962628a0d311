import { noLeaks } from '@ipc/testkit';
import { mayMount, runOnSmallDisk } from '@ipc/testkit/small-disk';
import { expect, test } from 'vitest';

noLeaks();

test('a disk without room for one more name: a typed error each time, nothing left, and it works once there is some', (context) => {
  if (!mayMount()) context.skip('this system lets its users mount nothing, not even for themselves');
  const worker = new URL('../dist-test/workers/full-disk.js', import.meta.url);
  // Of each, the file that locks the name fails first, then what stands under it.
  expect(runOnSmallDisk(worker, 'nr_inodes=8')).toEqual(
    ['unix', 'seqpacket', 'serveUnix', 'datagram', 'tcp'].map((name) => `${name} failed 2`),
  );
}, 60_000);
