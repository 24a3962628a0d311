/** What may fail of shared memory, and the work that has to bear it; see `failEachCall`. */
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import {
  LatestReader,
  LatestWriter,
  LoanPublisher,
  LoanReceiver,
  MpscReceiver,
  MpscSender,
  Publisher,
  Region,
  ring,
  SharedMap,
  Subscriber,
} from '@ipc/shm';
import { fromErrno } from '@ipc/core';
import { duplicate } from '@ipc/native';
import { exchange, failEachCall } from '@ipc/testkit/failing-calls';

const prefix = process.argv[2] ?? 'failing';
const { EIO, EMFILE, ENOBUFS, ENOLCK, ENOMEM, ENOSPC, EPERM } = constants.errno;
const ends = { lifetime: 'while-open' } as const;

function duplicateOf(region: Region): number {
  try {
    return duplicate(region.descriptor);
  } catch (error) {
    throw fromErrno(error, 'duplicate');
  }
}

function sameByte(message: Uint8Array | undefined): void {
  if (message?.[0] !== 7) throw new Error(`not the message: ${String(message)}`);
}

process.removeAllListeners('warning'); // of a connection that could not be served

await failEachCall({
  prefix,
  failures: {
    open: EMFILE,
    memfd_create: EMFILE,
    posix_fallocate: ENOSPC,
    mmap: ENOMEM,
    linkat: ENOSPC,
    fchmod: EPERM,
    fcntl: ENOLCK,
    unlink: EIO,
    close: EIO,
    socket: EMFILE,
    bind: ENOSPC,
    listen: EPERM,
    connect: EPERM,
    accept4: EMFILE,
    getsockopt: ENOBUFS,
    sendmsg: ENOMEM,
    recvmsg: ENOMEM,
    read: EIO,
    write: EIO,
    chmod: EPERM,
    rename: EIO,
  },
  // What cannot be unlinked, or asked whether somebody has it, stays; so does a lock file that could not be locked.
  mayStay: (call, file) => call === 'unlink' || (call === 'fcntl' && !file.endsWith('.sock')),
  work: {
    region(own) {
      const region = own(Region.openOrCreate(`${prefix}-r`, { kind: 'test', bytes: 64, ...ends }));
      own(Region.openOrCreate(`${prefix}-r`, { kind: 'test', bytes: 64, ...ends }));
      own(Region.open(`${prefix}-r`, { kind: 'test', readOnly: true }));
      region.words[0] = 7;
    },
    anonymous(own) {
      const region = own(Region.anonymous({ kind: 'test', bytes: 64 }));
      own(Region.fromDescriptor(duplicateOf(region), { kind: 'test' }));
    },
    async ring(own) {
      const transport = ring({ capacityBytes: 4096 });
      const listener = own(await transport.listen(`${prefix}-ring`));
      const near = own(await transport.connect(listener.name));
      // When the far end cannot be made its connection is closed, and the near one hears of that.
      const lost = near.closed.then((error) => Promise.reject(error ?? new Error('an end')));
      const far = own(await Promise.race([listener.accept(), lost]));
      await exchange(near, far, [3, 10_000]);
      await Promise.all([near.close(), far.close(), listener.close()]);
    },
    latest(own) {
      const writer = own(LatestWriter.open(`${prefix}-l`, { maxBytes: 64, ...ends }));
      const reader = own(LatestReader.open(`${prefix}-l`));
      writer.publish(Uint8Array.of(7));
      sameByte(reader.read());
    },
    map(own) {
      const shape = { capacity: 8, keyBytes: 8, valueBytes: 8 };
      const map = own(SharedMap.open(`${prefix}-m`, { ...shape, ...ends }));
      map.set('key', new Uint8Array(8).fill(7));
      sameByte(map.get('key'));
    },
    async broadcast(own) {
      const shape = { slots: 8, maxMessageBytes: 64, overflow: 'wait' } as const;
      const publisher = own(Publisher.open(`${prefix}-b`, { ...shape, ...ends }));
      const subscriber = own(Subscriber.open(`${prefix}-b`));
      await setTimeout(0);
      publisher.trySend(Uint8Array.of(7));
      sameByte(subscriber.tryReceive());
    },
    mpsc(own) {
      const shape = { capacityBytes: 4096, ...ends };
      const receiver = own(MpscReceiver.open(`${prefix}-q`, shape));
      const sender = own(MpscSender.open(`${prefix}-q`, shape));
      sender.trySend(Uint8Array.of(7));
      sameByte(receiver.tryReceive());
    },
    loan(own) {
      const publisher = own(LoanPublisher.open(`${prefix}-p`, { chunkBytes: 64, chunks: 4, ...ends }));
      const receiver = own(LoanReceiver.open(`${prefix}-p`));
      const loan = publisher.tryLoan();
      loan?.bytes.fill(7);
      loan?.publish();
      using borrowed = receiver.tryBorrow();
      sameByte(borrowed?.bytes);
    },
  },
});
