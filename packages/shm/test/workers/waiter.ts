/** Waits in every structure and spelling, for what never comes. */
import {
  Consumer,
  LatestReader,
  LatestWriter,
  LoanPublisher,
  LoanReceiver,
  MpscReceiver,
  MpscSender,
  Producer,
  Publisher,
  Subscriber,
} from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

const slots = { slots: 2, maxMessageBytes: 64 };
const chunks = { chunks: 1, chunkBytes: 64 };
const message = new Uint8Array(64);

function fullQueue(name: string): Producer {
  const producer = Producer.open(name, slots);
  while (producer.trySend(message));
  return producer;
}

function fullRing(name: string): MpscSender {
  const sender = MpscSender.open(name, { capacityBytes: 2048 });
  while (sender.trySend(message));
  return sender;
}

function lentPool(name: string): LoanPublisher {
  const publisher = LoanPublisher.open(name, chunks);
  publisher.tryLoan();
  return publisher;
}

function emptyPool(name: string): LoanReceiver {
  LoanPublisher.open(name, chunks).close();
  return LoanReceiver.open(name);
}

function emptyBroadcast(name: string): Subscriber {
  void Publisher.open(name, { ...slots, overflow: 'wait' }).close();
  return Subscriber.open(name);
}

function noValue(name: string): LatestReader {
  LatestWriter.open(name, { maxBytes: 64 }).close();
  return LatestReader.open(name);
}

/** Opens, and gives what waits. */
const ways: Readonly<Record<string, (name: string) => () => unknown>> = {
  'queue send': (name) => {
    const producer = fullQueue(name);
    return () => producer.send(message);
  },
  'queue sendSync': (name) => {
    const producer = fullQueue(name);
    return () => producer.sendSync(message);
  },
  'queue receive': (name) => {
    const consumer = Consumer.open(name, slots);
    return () => consumer.receive();
  },
  'broadcast receiveSync': (name) => {
    const subscriber = emptyBroadcast(name);
    return () => subscriber.receiveSync();
  },
  'broadcast ready': (name) => {
    const subscriber = emptyBroadcast(name);
    return async () => {
      await subscriber.ready();
      return subscriber.receive();
    };
  },
  'mpsc send': (name) => {
    const sender = fullRing(name);
    return () => sender.send(message);
  },
  'mpsc receiveSync': (name) => {
    const receiver = MpscReceiver.open(name, { capacityBytes: 2048 });
    return () => receiver.receiveSync();
  },
  'loans loan': (name) => {
    const publisher = lentPool(name);
    return () => publisher.loan();
  },
  'loans borrow': (name) => {
    const receiver = emptyPool(name);
    return () => receiver.borrow();
  },
  'loans ready': (name) => {
    const receiver = emptyPool(name);
    return async () => {
      await receiver.ready();
      return receiver.borrow();
    };
  },
  'loans borrowSync': (name) => {
    const receiver = emptyPool(name);
    return () => receiver.borrowSync();
  },
  'latest next': (name) => {
    const reader = noValue(name);
    return () => reader.next();
  },
  'latest waitSync': (name) => {
    const reader = noValue(name);
    return () => reader.waitSync();
  },
};

serveCommands({
  /** Waits again and again: at the very moment of the cut one may seem to succeed. */
  async wait(way: string, name: string) {
    const again = ways[way]?.(name);
    while (again !== undefined) await again();
  },
});
