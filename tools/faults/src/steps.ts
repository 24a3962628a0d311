import {
  Consumer,
  Counters,
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
import { numbered, numberOf } from './numbered.ts';

/** Something that a process does again and again until it is killed between two instructions, and what must be true then. */
export interface Step {
  readonly name: string;
  /** How many uses it takes until every kind of them was there. @default 1 */
  readonly kinds?: number;
  /** Opens what it needs, in the process that will die; the function does it once. */
  open(name: string): () => void;
  /** What is wrong now, in another process, after the death of the first; undefined when all is well. */
  verify(name: string): Promise<string | undefined> | string | undefined;
  unlink(name: string): void;
}

const patience = { timeoutMs: 5000 };
const shape = { slots: 8, maxMessageBytes: 1024 };
const ring = { capacityBytes: 4096 };
const entry = { capacity: 8, keyBytes: 8, valueBytes: 64 };
const pool = { chunks: 3, chunkBytes: 64 };
const memory = { kind: 'faults', bytes: 64 };

/** Two words that are equal unless somebody is between them. */
function twoWords(name: string): { change: () => void; mend: () => boolean } {
  const { words } = Region.openOrCreate(name, memory);
  return {
    change() {
      words[0] = (words[0] ?? 0) + 1;
      words[1] = (words[1] ?? 0) + 1;
    },
    mend() {
      const torn = words[0] !== words[1];
      words[1] = words[0] ?? 0;
      return torn;
    },
  };
}

const mutex: Step = {
  name: 'mutex',
  open(name) {
    const lock = Mutex.openOrCreate(name);
    const { change } = twoWords(name);
    return () => {
      const held = lock.acquireSync();
      change();
      held.release();
    };
  },
  verify(name) {
    using lock = Mutex.openOrCreate(name);
    const held = lock.acquireSync(patience);
    if (held === undefined) return 'nobody gets the mutex any more';
    const torn = twoWords(name).mend();
    held.release();
    return torn && !held.abandoned ? 'its owner died inside and nobody was told' : undefined;
  },
  unlink(name) {
    Mutex.unlink(name);
    Region.unlink(name, 'faults');
  },
};

const rwLock: Step = {
  name: 'rw-lock',
  open(name) {
    const lock = RwLock.openOrCreate(name);
    const { change } = twoWords(name);
    return () => {
      lock.shared.acquireSync().release();
      const held = lock.exclusive.acquireSync();
      change();
      held.release();
    };
  },
  verify(name) {
    using lock = RwLock.openOrCreate(name);
    const held = lock.exclusive.acquireSync(patience);
    if (held === undefined) return 'nobody gets the lock any more';
    const torn = twoWords(name).mend();
    held.release();
    return torn && !held.abandoned ? 'its writer died inside and nobody was told' : undefined;
  },
  unlink(name) {
    RwLock.unlink(name);
    Region.unlink(name, 'faults');
  },
};

const semaphore: Step = {
  name: 'semaphore',
  open(name) {
    const permits = Semaphore.openOrCreate(name, { permits: 2 });
    return () => {
      const one = permits.acquireSync();
      permits.acquireSync().release();
      one.release();
    };
  },
  verify(name) {
    using permits = Semaphore.openOrCreate(name, { permits: 2 });
    const both = permits.acquireSync({ ...patience, permits: 2 });
    if (both === undefined) return 'a permit is lost';
    const third = permits.tryAcquire();
    both.release();
    return third === undefined ? undefined : 'there is a permit too many';
  },
  unlink: (name) => void Semaphore.unlink(name),
};

const map: Step = {
  name: 'map',
  kinds: 4,
  open(name) {
    const shared = SharedMap.open(name, entry);
    const value = new Uint8Array(entry.valueBytes);
    let count = 0;
    return () => {
      shared.set('key', value.fill(++count));
      if (count % 4 === 0) shared.delete('key');
    };
  },
  verify(name) {
    using shared = SharedMap.open(name, entry);
    const value = shared.get('key');
    if (value?.some((byte) => byte !== value[0]) === true) return 'a torn value';
    shared.set('key', new Uint8Array(entry.valueBytes).fill(7));
    return shared.get('key')?.[0] === 7 ? undefined : 'the map keeps nothing any more';
  },
  unlink: (name) => void Region.unlink(name, 'map'),
};

const latest: Step = {
  name: 'latest',
  kinds: 4,
  open(name) {
    const writer = LatestWriter.open(name, { maxBytes: 64 });
    const value = new Uint8Array(64);
    let count = 0;
    return () => {
      writer.publish(value.fill(++count));
    };
  },
  verify(name) {
    using writer = LatestWriter.open(name, { maxBytes: 64 });
    using reader = LatestReader.open(name);
    const value = reader.read();
    if (value?.some((byte) => byte !== value[0]) === true) return 'a torn value';
    writer.publish(Uint8Array.of(9));
    return reader.read()?.[0] === 9 ? undefined : 'the next writer is not heard';
  },
  unlink: (name) => void Region.unlink(name, 'latest'),
};

const queue: Step = {
  name: 'queue',
  open(name) {
    const producer = Producer.open(name, shape);
    const consumer = Consumer.open(name);
    let count = 0;
    return () => {
      producer.trySend(numbered(count++));
      consumer.tryReceive();
    };
  },
  async verify(name) {
    await using consumer = Consumer.open(name, shape);
    await using producer = Producer.open(name, shape);
    // What the dead one had taken is there again once somebody has buried it.
    if (producer.consumers !== 1) return 'a dead consumer is counted';
    for (let left = consumer.tryReceive(); left !== undefined; left = consumer.tryReceive())
      if (numberOf(left) < 0) return 'a torn message';
    for (let index = 0; index < 3 * shape.slots; index++) {
      if (!producer.sendSync(numbered(index), patience)) return 'there is no room any more';
      const message = consumer.receiveSync(patience);
      if (message === undefined || numberOf(message) !== index) return `message ${index} is lost`;
    }
    return undefined;
  },
  unlink: (name) => void Region.unlink(name, 'mpmc'),
};

const mpsc: Step = {
  name: 'mpsc',
  kinds: 3,
  open(name) {
    const sender = MpscSender.open(name, ring);
    const receiver = MpscReceiver.open(name);
    let count = 0;
    return () => {
      sender.trySend(numbered(count++));
      const message = numbered(count++);
      const claim = sender.tryClaim(message.length);
      claim?.ring.set(message, claim.offset);
      if (count % 3 === 0) claim?.abort();
      else claim?.commit();
      receiver.tryReceive();
      receiver.drain(numberOf, 1);
    };
  },
  async verify(name) {
    await using receiver = MpscReceiver.open(name, ring);
    await using sender = MpscSender.open(name, ring);
    for (let left = receiver.tryReceive(); left !== undefined; left = receiver.tryReceive())
      if (numberOf(left) < 0) return 'a torn message';
    for (let index = 0; index < 100; index++) {
      if (!sender.sendSync(numbered(index), patience)) return 'there is no room any more';
      const message = receiver.receiveSync(patience);
      if (message === undefined || numberOf(message) !== index) return `message ${index} is lost`;
    }
    return undefined;
  },
  unlink: (name) => void Region.unlink(name, 'mpsc'),
};

const broadcast: Step = {
  name: 'broadcast',
  open(name) {
    const publisher = Publisher.open(name, { ...shape, overflow: 'wait' });
    const subscriber = Subscriber.open(name);
    let count = 0;
    return () => {
      publisher.trySend(numbered(count++));
      subscriber.tryReceive();
    };
  },
  async verify(name) {
    await using publisher = Publisher.open(name, { ...shape, overflow: 'wait' });
    await using subscriber = Subscriber.open(name, { history: shape.slots });
    for (let left = subscriber.tryReceive(); left !== undefined; left = subscriber.tryReceive())
      if (numberOf(left) < 0) return 'a torn message';
    for (let index = 0; index < 3 * shape.slots; index++) {
      if (!publisher.sendSync(numbered(index), patience)) return 'the dead subscriber holds the publisher up';
      const message = subscriber.receiveSync(patience);
      if (message === undefined || numberOf(message) !== index) return `message ${index} is lost`;
    }
    return undefined;
  },
  unlink: (name) => void Region.unlink(name, 'broadcast'),
};

const loans: Step = {
  name: 'loans',
  open(name) {
    const publisher = LoanPublisher.open(name, pool);
    const receiver = LoanReceiver.open(name);
    let count = 0;
    return () => {
      const loan = publisher.tryLoan();
      loan?.bytes.fill(++count);
      loan?.publish();
      receiver.tryBorrow()?.release();
    };
  },
  verify(name) {
    using publisher = LoanPublisher.open(name, pool);
    using receiver = LoanReceiver.open(name);
    for (let left = receiver.tryBorrow(); left !== undefined; left = receiver.tryBorrow()) {
      if (left.bytes.some((byte) => byte !== left.bytes[0])) return 'a torn message';
      left.release();
    }
    for (let chunk = 0; chunk < pool.chunks; chunk++)
      if (publisher.loanSync(patience) === undefined) return `only ${chunk} chunks came back`;
    return undefined;
  },
  unlink: (name) => void Region.unlink(name, 'pool'),
};

const counters: Step = {
  name: 'counters',
  open(name) {
    const counted = Counters.open(name, { capacity: 8 }).counter('steps');
    return () => {
      counted.increment();
    };
  },
  verify(name) {
    using all = Counters.open(name, { capacity: 8 });
    const counted = all.counter('steps');
    const before = counted.value;
    counted.increment();
    all.counter('another').increment();
    return counted.value === before + 1 ? undefined : 'it does not count any more';
  },
  unlink: (name) => void Region.unlink(name, 'counters'),
};

const ringOfOne: Step = {
  name: 'ring',
  kinds: 3,
  open(name) {
    const records = ringIn(name);
    const writer = new RingWriter(records);
    const reader = new RingReader(records);
    let count = 0;
    return () => {
      const message = numbered(count++);
      if (count % 3 === 0) writer.trySend(message);
      else {
        const claim = writer.tryClaim(message.length);
        claim?.bytes.set(message);
        if (count % 3 === 1) claim?.commit();
        else claim?.abort();
      }
      reader.tryReceive();
    };
  },
  verify(name) {
    const records = ringIn(name);
    const writer = new RingWriter(records);
    const reader = new RingReader(records);
    for (let left = reader.tryReceive(); left !== undefined; left = reader.tryReceive())
      if (numberOf(left) < 0) return 'a torn message';
    for (let index = 0; index < 10; index++) {
      if (!writer.trySend(numbered(index))) return 'there is no room any more';
      const message = reader.tryReceive();
      if (message === undefined || numberOf(message) !== index) return `message ${index} is lost`;
    }
    return undefined;
  },
  unlink: (name) => void Region.unlink(name, 'faults'),
};

function ringIn(name: string): RingMemory {
  const region = Region.openOrCreate(name, {
    kind: 'faults',
    bytes: ringBytes(ring.capacityBytes),
  });
  return new RingMemory(region.buffer, region.offset, ring.capacityBytes);
}

const sharedQueue: Step = {
  name: 'shared-queue',
  kinds: 3,
  open(name) {
    const jobs = SharedQueue.openOrCreate(name, { capacityBytes: 1 << 15 });
    let count = 0;
    return () => {
      jobs.trySend(numbered(count++), { priority: count % 3 });
      jobs.tryReceive();
    };
  },
  verify(name) {
    using jobs = SharedQueue.openOrCreate(name, { capacityBytes: 1 << 15 });
    let left = jobs.attributes().messages;
    if (left > 1) return `${left} messages where there was room for one`;
    for (; left > 0; left--) {
      const bytes = jobs.receiveSync(patience)?.bytes;
      if (bytes === undefined || numberOf(bytes) < 0) return 'a torn message';
    }
    jobs.sendSync(numbered(1), patience);
    return numberOf(jobs.tryReceive()?.bytes ?? new Uint8Array(0)) === 1 ? undefined : 'the queue is dead';
  },
  unlink: (name) => void SharedQueue.unlink(name),
};

const region: Step = {
  name: 'region',
  open: (name) => () => {
    Region.openOrCreate(name, { ...memory, lifetime: 'while-open' }).close();
  },
  verify(name) {
    {
      using fresh = Region.openOrCreate(name, { ...memory, lifetime: 'while-open' });
      if (fresh.words.some((word) => word !== 0)) return 'memory of somebody else';
    }
    Region.reclaim();
    return Region.list().some((info) => info.name.includes(name)) ? 'a name is left' : undefined;
  },
  unlink: (name) => void Region.unlink(name, 'faults'),
};

export const steps: readonly Step[] = [
  mutex,
  rwLock,
  semaphore,
  map,
  latest,
  queue,
  mpsc,
  broadcast,
  loans,
  counters,
  ringOfOne,
  sharedQueue,
  region,
];
