/**
 * Chunks that change hands: the sender writes into one, the receiver reads it where it lies.
 *
 * What is measured is the handing over. A chunk is filled when it carries a size for the first time; from then on the sender writes, in
 * place, what tells one message from the next: its first and its last bytes. Those the receiver checks, as of any other message.
 */
import { LoanPublisher, LoanReceiver, type Borrowed, type Loan } from '@ipc/shm';
import { setTimeout as delay } from 'node:timers/promises';
import { binaryFormat, copyStamp } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';
import { wrongWay } from './one-way-link.ts';
import { openMade, removeRegions } from './regions.ts';

/** Large messages for one receiver; as much room as a broadcast has for many, whose turns on a processor are far between. */
const shapes = {
  one: { chunks: 32, chunkBytes: 1 << 20 },
  many: { chunks: 1024, chunkBytes: 4096 },
} as const;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'shm.loan',
  scenarios: ['throughput', 'fan-out'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  floor: 'shm.ring',
  async open({ role, name, followers }) {
    const shape = followers === 1 ? shapes.one : shapes.many;
    const maxMessageBytes = shape.chunkBytes;
    if (role === 'follower')
      return { link: borrower(await openMade(() => LoanReceiver.open(name))), maxMessageBytes };
    const publisher = LoanPublisher.open(name, { ...shape, lifetime: 'while-open' });
    while (publisher.receivers < followers) await delay(2);
    return { link: lender(publisher), maxMessageBytes, sendsAtOnce: true };
  },
  cleanUp: removeRegions,
});

function lender(publisher: LoanPublisher): Link<Uint8Array> {
  /** How long the message was that each chunk was filled with. */
  const filled = new Map<Uint8Array, number>();
  const publish = (loan: Loan, message: Uint8Array): void => {
    const { bytes } = loan;
    if (filled.get(bytes) === message.length) {
      copyStamp(message, bytes);
    } else {
      bytes.set(message);
      filled.set(bytes, message.length);
    }
    loan.publish(message.length);
  };
  return {
    trySend(message) {
      const loan = publisher.tryLoan();
      if (loan === undefined) return false;
      publish(loan, message);
      return true;
    },
    async send(message) {
      publish(await publisher.loan(), message);
    },
    tryReceive: wrongWay,
    receive: wrongWay,
    close() {
      publisher.close();
      return Promise.resolve();
    },
  };
}

/** A message is valid until the next one is taken. */
function borrower(receiver: LoanReceiver): Link<Uint8Array> {
  let current: Borrowed | undefined;
  const lend = (borrowed: Borrowed | undefined): Uint8Array | undefined => {
    current = borrowed;
    return borrowed?.bytes;
  };
  return {
    trySend: wrongWay,
    send: wrongWay,
    tryReceive() {
      current?.release();
      return lend(receiver.tryBorrow());
    },
    async receive() {
      current?.release();
      return lend(await receiver.borrow());
    },
    close() {
      current?.release();
      receiver.close();
      return Promise.resolve();
    },
  };
}
