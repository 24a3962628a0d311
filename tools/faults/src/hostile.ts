import {
  Consumer,
  Counters,
  CountersReader,
  LatestReader,
  LatestWriter,
  LoanPublisher,
  LoanReceiver,
  MpscReceiver,
  MpscSender,
  Producer,
  Publisher,
  Region,
  ringBytes,
  RingMemory,
  RingReader,
  RingWriter,
  SharedMap,
  Subscriber,
} from '@ipc/shm';
import { Mutex, RwLock, Semaphore } from '@ipc/sync';
import { SharedQueue } from '@ipc/mq';
import { numbered } from './numbered.ts';

/** A named structure whose every byte a hostile process may have written, or is writing. */
export interface Target {
  readonly name: string;
  /** What its region is called in /dev/shm, behind the name. */
  readonly kind: string;
  /** Makes it, with something inside; ends with `close`. */
  make(name: string): Closing;
  /** Opens it as anybody would, uses it in every way that does not wait for long, again as long as wanted, and closes it. */
  use(name: string, wantsMore: () => boolean): Promise<void> | void;
}

interface Closing {
  close(): Promise<void> | void;
}

const soon = { timeoutMs: 1 };
const shape = { slots: 8, maxMessageBytes: 200 };
const ring = { capacityBytes: 4096 };
const entry = { capacity: 8, keyBytes: 8, valueBytes: 64 };
const pool = { chunkBytes: 256, chunks: 4 };
const value = new Uint8Array(entry.valueBytes);
/** For what is only looked at. */
const look = (...seen: readonly unknown[]): number => seen.length;

/** Whatever the memory says, nothing longer comes out of it than may be in it. */
const within =
  (maxBytes: number) =>
  (message: Uint8Array | undefined): void => {
    if (message !== undefined && message.length > maxBytes)
      throw new Error(`a message of ${message.length} bytes where there are ${maxBytes} at most`);
  };

interface Received {
  tryReceive(): Uint8Array | undefined;
  receiveSync(options: { timeoutMs: number }): Uint8Array | undefined;
  receive(options: { signal: AbortSignal }): Promise<Uint8Array | undefined>;
  drain(handler: (message: Uint8Array) => void, limit: number): number;
}

/** Receives in every way. */
async function receiveSoon(
  receiver: Received,
  check: (message: Uint8Array | undefined) => void,
): Promise<void> {
  check(receiver.tryReceive());
  receiver.drain(check, 20);
  check(receiver.receiveSync(soon));
  await receiver.receive({ signal: AbortSignal.timeout(1) }).then(check, (error: unknown) => {
    if ((error as Error).name !== 'TimeoutError') throw error;
  });
}

function broadcast(overflow: 'lap' | 'wait'): Target {
  return {
    name: `broadcast, ${overflow}`,
    kind: 'broadcast',
    make(name) {
      const publisher = Publisher.open(name, { ...shape, overflow });
      for (let index = 0; index < 5; index++) publisher.trySend(numbered(1));
      return publisher;
    },
    async use(name, wantsMore) {
      await using subscriber = Subscriber.open(name, { history: 8 });
      await using publisher = Publisher.open(name, { ...shape, overflow });
      do {
        publisher.trySend(numbered(1));
        publisher.sendSync(numbered(1), soon);
        await receiveSoon(subscriber, within(shape.maxMessageBytes));
      } while (wantsMore());
      look(subscriber.lapped, publisher.subscribers);
    },
  };
}

export const targets: readonly Target[] = [
  broadcast('lap'),
  broadcast('wait'),
  {
    name: 'queue',
    kind: 'mpmc',
    make(name) {
      const producer = Producer.open(name, shape);
      for (let index = 0; index < 5; index++) producer.trySend(numbered(1));
      return producer;
    },
    async use(name, wantsMore) {
      await using consumer = Consumer.open(name);
      await using producer = Producer.open(name, shape);
      do {
        producer.trySend(numbered(1));
        producer.sendSync(numbered(1), soon);
        await receiveSoon(consumer, within(shape.maxMessageBytes));
      } while (wantsMore());
    },
  },
  {
    name: 'ring of many writers',
    kind: 'mpsc',
    make(name) {
      const sender = MpscSender.open(name, ring);
      for (let index = 0; index < 5; index++) sender.trySend(numbered(1));
      return sender;
    },
    async use(name, wantsMore) {
      await using receiver = MpscReceiver.open(name);
      await using sender = MpscSender.open(name, ring);
      do {
        sender.trySend(numbered(1));
        sender.tryClaim(40)?.commit();
        sender.sendSync(numbered(1), soon);
        await receiveSoon(receiver, within(ring.capacityBytes / 4));
        look(sender.hasReceiver, receiver.repaired);
      } while (wantsMore());
    },
  },
  {
    name: 'ring',
    kind: 'faults-ring',
    make(name) {
      const region = Region.create(name, { kind: 'faults-ring', bytes: ringBytes(ring.capacityBytes) });
      const writer = new RingWriter(ringIn(region));
      for (let index = 0; index < 5; index++) writer.trySend(numbered(1));
      return region;
    },
    use(name, wantsMore) {
      using region = Region.open(name, { kind: 'faults-ring' });
      const memory = ringIn(region);
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
      const check = within(ring.capacityBytes);
      do {
        for (let index = 0; index < 20; index++) writer.trySend(numbered(index));
        writer.tryClaim(40)?.commit();
        check(reader.tryReceive());
        reader.drain(check, 20);
        if (!reader.sleep()) reader.stopSleeping();
        if (!writer.awaitRoom()) writer.stopAwaiting();
      } while (wantsMore());
    },
  },
  {
    name: 'latest',
    kind: 'latest',
    make(name) {
      const writer = LatestWriter.open(name, { maxBytes: 64 });
      writer.publish(value);
      return writer;
    },
    use(name, wantsMore) {
      using reader = LatestReader.open(name);
      using writer = LatestWriter.open(name, { maxBytes: 64 });
      do {
        within(64)(reader.read());
        reader.waitSync(soon);
        writer.publish(value);
      } while (wantsMore());
    },
  },
  {
    name: 'map',
    kind: 'map',
    make(name) {
      const map = SharedMap.open(name, entry);
      for (const key of ['a', 'b', 'c', 'd']) map.set(key, value);
      return map;
    },
    use(name, wantsMore) {
      using map = SharedMap.open(name, { ...entry, ...soon });
      do {
        for (const key of ['a', 'b', 'x']) within(entry.valueBytes)(map.get(key));
        map.set('a', value);
        map.delete('b');
        map.add('e', 1);
        look(...map.entries());
      } while (wantsMore());
    },
  },
  {
    name: 'counters',
    kind: 'counters',
    make(name) {
      const counters = Counters.open(name, { capacity: 8 });
      counters.counter('requests').increment();
      return counters;
    },
    use(name, wantsMore) {
      using reader = CountersReader.open(name);
      using counters = Counters.open(name);
      do {
        reader.list();
        reader.get('requests');
        counters.counter('requests').increment();
        counters.gauge('other').set(3);
      } while (wantsMore());
    },
  },
  {
    name: 'loans',
    kind: 'pool',
    make(name) {
      const publisher = LoanPublisher.open(name, pool);
      publisher.tryLoan()?.publish(100);
      return publisher;
    },
    use(name, wantsMore) {
      using receiver = LoanReceiver.open(name);
      using publisher = LoanPublisher.open(name, pool);
      do {
        publisher.tryLoan()?.publish(100);
        using borrowed = receiver.borrowSync(soon);
        within(pool.chunkBytes)(borrowed?.bytes);
      } while (wantsMore());
    },
  },
  {
    name: 'shared queue',
    kind: 'queue',
    make(name) {
      const queue = SharedQueue.create(name, { capacityBytes: 4096, maxMessages: 16 });
      for (let index = 0; index < 5; index++) queue.trySend(numbered(1), { priority: index });
      return queue;
    },
    use(name, wantsMore) {
      using queue = SharedQueue.open(name);
      do {
        queue.attributes();
        queue.tryReceive();
        queue.trySend(numbered(1));
        queue.tryReceive({ leaseMs: 1000 })?.acknowledge();
        queue.receiveSync(soon);
        queue.tryReceiveDeadLetter();
        queue.drain(look, 20);
      } while (wantsMore());
    },
  },
  {
    name: 'mutex',
    kind: 'mutex',
    make: (name) => Mutex.create(name),
    use(name, wantsMore) {
      using lock = Mutex.open(name);
      do {
        lock.acquireSync(soon)?.release();
        look(lock.owner, lock.waiters);
      } while (wantsMore());
    },
  },
  {
    name: 'reader-writer lock',
    kind: 'rwlock',
    make: (name) => RwLock.create(name),
    use(name, wantsMore) {
      using lock = RwLock.open(name);
      do {
        lock.shared.acquireSync(soon)?.release();
        lock.exclusive.acquireSync(soon)?.release();
      } while (wantsMore());
    },
  },
  {
    name: 'semaphore',
    kind: 'semaphore',
    make: (name) => Semaphore.create(name, { permits: 2 }),
    use(name, wantsMore) {
      using permits = Semaphore.open(name);
      do {
        permits.acquireSync(soon)?.release();
        look(permits.available);
      } while (wantsMore());
    },
  },
];

function ringIn(region: Region): RingMemory {
  return new RingMemory(region.buffer, region.offset, ring.capacityBytes);
}
