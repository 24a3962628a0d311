/**
 * Chunks that change hands: the sender writes into one, the receiver reads it where it lies, so of the two copies of a
 * ring one is left, the sender's own. Nothing in it waits on the event loop, so both sides poll between its turns.
 */
import { LoanPublisher, LoanReceiver, type Borrowed } from '@ipc/shm';
import { setImmediate as turn } from 'node:timers/promises';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';
import { wrongWay } from './one-way-link.ts';
import { openMade, removeRegions } from './regions.ts';

const chunkBytes = 1 << 20;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'shm.loan',
  scenarios: ['throughput'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  floor: 'shm.ring',
  polls: true,
  async open({ role, name }) {
    const link =
      role === 'leader'
        ? lender(LoanPublisher.open(name, { chunkBytes, chunks: 16, lifetime: 'while-open' }))
        : borrower(await openMade(() => LoanReceiver.open(name)));
    return { link, maxMessageBytes: chunkBytes, sendsAtOnce: true };
  },
  cleanUp: removeRegions,
});

function lender(publisher: LoanPublisher): Link<Uint8Array> {
  const trySend = (message: Uint8Array): boolean => {
    const loan = publisher.tryLoan();
    if (loan === undefined) return false;
    loan.bytes.set(message);
    loan.publish(message.length);
    return true;
  };
  return {
    trySend,
    async send(message) {
      while (!trySend(message)) await turn();
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
  const tryReceive = (): Uint8Array | undefined => {
    current?.release();
    current = receiver.tryBorrow();
    return current?.bytes;
  };
  return {
    trySend: wrongWay,
    send: wrongWay,
    tryReceive,
    async receive() {
      for (;;) {
        const message = tryReceive();
        if (message !== undefined) return message;
        await turn();
      }
    },
    close() {
      current?.release();
      receiver.close();
      return Promise.resolve();
    },
  };
}
