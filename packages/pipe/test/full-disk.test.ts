import { noLeaks } from '@ipc/testkit';
import { mayMount, runOnSmallDisk } from '@ipc/testkit/small-disk';
import { expect, test } from 'vitest';

noLeaks();

test('a full disk: a typed error each time, nothing left, nothing lost, and it works once there is room', (context) => {
  if (!mayMount()) context.skip('this system lets its users mount nothing, not even for themselves');
  const worker = new URL('../dist-test/workers/full-disk.js', import.meta.url);
  expect(runOnSmallDisk(worker, 'nr_inodes=8,size=64k')).toEqual([
    'fifo failed 3', // the lock, and a FIFO for each direction
    'openFifoReceiver failed 2',
    'createFifo failed 1',
    'spliceTo failed with ERR_IPC_LIMIT, some written, nothing lost',
  ]);
}, 60_000);
