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
  SharedMap,
  Subscriber,
} from '@ipc/shm';
import { Mutex, RwLock, Semaphore } from '@ipc/sync';
import { SharedQueue } from '@ipc/mq';
import { numbered } from './numbered.ts';

/** A named structure whose every byte a hostile process may have written. */
export interface Target {
  readonly name: string;
  /** What its region is called in /dev/shm, behind the name. */
  readonly kind: string;
  /** Makes it, with something inside; ends with `close`. */
  make(name: string): Closing;
  /** Opens it as anybody would, uses it in every way that does not wait for long, and closes it. */
  use(name: string): Promise<void> | void;
}

interface Closing {
  close(): Promise<void> | void;
}

const soon = { timeoutMs: 1 };
const shape = { slots: 8, maxMessageBytes: 200 };
const ring = { capacityBytes: 4096 };
const entry = { capacity: 8, keyBytes: 8, valueBytes: 64 };
const value = new Uint8Array(entry.valueBytes);
/** For what is only looked at. */
const look = (...seen: readonly unknown[]): number => seen.length;

/** Several that close together, those opened last first. */
function together(...ends: readonly Closing[]): Closing {
  return {
    async close() {
      for (const end of ends.toReversed()) await end.close();
    },
  };
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
    async use(name) {
      await using subscriber = Subscriber.open(name, { history: 8 });
      await using publisher = Publisher.open(name, { ...shape, overflow });
      subscriber.tryReceive();
      publisher.trySend(numbered(1));
      publisher.sendSync(numbered(1), soon);
      subscriber.drain(look, 20);
      subscriber.receiveSync(soon);
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
    async use(name) {
      await using consumer = Consumer.open(name);
      await using producer = Producer.open(name, shape);
      consumer.tryReceive();
      producer.trySend(numbered(1));
      producer.sendSync(numbered(1), soon);
      consumer.drain(look, 20);
      consumer.receiveSync(soon);
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
    async use(name) {
      await using receiver = MpscReceiver.open(name);
      await using sender = MpscSender.open(name, ring);
      receiver.tryReceive();
      sender.trySend(numbered(1));
      sender.tryClaim(40)?.commit();
      sender.sendSync(numbered(1), soon);
      receiver.drain(look, 20);
      receiver.receiveSync(soon);
      look(sender.hasReceiver, receiver.repaired);
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
    use(name) {
      using reader = LatestReader.open(name);
      reader.read();
      reader.waitSync(soon);
      using writer = LatestWriter.open(name, { maxBytes: 64 });
      writer.publish(value);
      reader.read();
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
    use(name) {
      using map = SharedMap.open(name, { ...entry, ...soon });
      for (const key of ['a', 'b', 'x']) map.get(key);
      map.set('a', value);
      map.delete('b');
      map.add('e', 1);
      look(...map.entries());
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
    use(name) {
      using reader = CountersReader.open(name);
      reader.list();
      reader.get('requests');
      using counters = Counters.open(name);
      counters.counter('requests').increment();
      counters.gauge('other').set(3);
    },
  },
  {
    name: 'loans',
    kind: 'pool',
    make(name) {
      const publisher = LoanPublisher.open(name, { chunkBytes: 256, chunks: 4 });
      const loan = publisher.tryLoan();
      loan?.publish(100);
      return together(publisher);
    },
    use(name) {
      using receiver = LoanReceiver.open(name);
      receiver.borrowSync(soon)?.release();
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
    use(name) {
      using queue = SharedQueue.open(name);
      queue.attributes();
      queue.tryReceive();
      queue.trySend(numbered(1));
      queue.tryReceive({ leaseMs: 1000 })?.acknowledge();
      queue.receiveSync(soon);
      queue.tryReceiveDeadLetter();
      queue.drain(look, 20);
    },
  },
  {
    name: 'mutex',
    kind: 'mutex',
    make: (name) => Mutex.create(name),
    use(name) {
      using lock = Mutex.open(name);
      lock.acquireSync(soon)?.release();
      look(lock.owner, lock.waiters);
    },
  },
  {
    name: 'reader-writer lock',
    kind: 'rwlock',
    make: (name) => RwLock.create(name),
    use(name) {
      using lock = RwLock.open(name);
      lock.shared.acquireSync(soon)?.release();
      lock.exclusive.acquireSync(soon)?.release();
    },
  },
  {
    name: 'semaphore',
    kind: 'semaphore',
    make: (name) => Semaphore.create(name, { permits: 2 }),
    use(name) {
      using permits = Semaphore.open(name);
      permits.acquireSync(soon)?.release();
      look(permits.available);
    },
  },
];
