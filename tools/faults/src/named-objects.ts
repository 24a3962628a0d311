import { posixQueue } from '@ipc/mq';
import {
  Counters,
  LatestWriter,
  LoanPublisher,
  MpscReceiver,
  Publisher,
  Region,
  ring,
  SharedMap,
} from '@ipc/shm';
import { openDatagramReceiver, seqpacket, unix } from '@ipc/socket';
import { Barrier, Lease, Mutex, RwLock, Semaphore } from '@ipc/sync';

export type Opened = Disposable | AsyncDisposable;

const ends = { lifetime: 'while-open' } as const;

/** One of everything that has a name and ends with its last user; `opened` is called after each. */
export async function openNamedObjects(prefix: string, opened: (object: Opened) => void): Promise<void> {
  opened(Region.openOrCreate(`${prefix}-r`, { kind: 'faults', bytes: 4096, ...ends }));
  opened(LatestWriter.open(`${prefix}-l`, { maxBytes: 64, ...ends }));
  opened(Counters.open(`${prefix}-c`, ends));
  opened(SharedMap.open(`${prefix}-m`, { capacity: 8, keyBytes: 8, valueBytes: 8, ...ends }));
  opened(MpscReceiver.open(`${prefix}-q`, { capacityBytes: 4096, ...ends }));
  opened(Publisher.open(`${prefix}-b`, { slots: 8, maxMessageBytes: 64, overflow: 'lap', ...ends }));
  opened(LoanPublisher.open(`${prefix}-p`, { chunkBytes: 64, chunks: 4, ...ends }));
  opened(Mutex.openOrCreate(`${prefix}-m`));
  opened(RwLock.openOrCreate(`${prefix}-rw`));
  opened(Semaphore.openOrCreate(`${prefix}-s`, { permits: 2 }));
  opened(Barrier.openOrCreate(`${prefix}-ba`, { parties: 2 }));
  opened(Lease.openOrCreate(`${prefix}-le`));
  opened(await ring({ capacityBytes: 4096 }).listen(`${prefix}-ring`));
  opened(await unix().listen(`${prefix}-u`));
  opened(await seqpacket().listen(`${prefix}-sp`));
  opened(openDatagramReceiver(`${prefix}-d`));
  opened(await posixQueue().listen(`${prefix}-mq`));
}
