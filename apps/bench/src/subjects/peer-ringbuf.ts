/** `ringbuf.js`, a ring in a SharedArrayBuffer between two threads: a length before each message, and polling. */
import { setImmediate as turn } from 'node:timers/promises';
import { Worker, workerData } from 'node:worker_threads';
import { RingBuffer } from 'ringbuf.js';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';

const capacityBytes = 4 << 20;
const headerBytes = 4;

interface Rings {
  readonly there: SharedArrayBuffer;
  readonly back: SharedArrayBuffer;
}

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.ringbuf',
  inDepth: 'chosen',
  scenarios: ['throughput', 'round-trip-spinning'],
  followerStartedBy: 'leader',
  polls: true,
  format: binaryFormat,
  floor: 'shm.ring',
  open({ role, followerProgram: [file, argument] }) {
    const maxMessageBytes = capacityBytes / 2;
    if (role === 'follower') {
      const { there, back } = workerData as Rings;
      return Promise.resolve({ link: linkOver(back, there), maxMessageBytes, sendsAtOnce: true });
    }
    const [there, back] = [ring(), ring()];
    const worker = new Worker(file, { argv: [argument], workerData: { there, back } satisfies Rings });
    worker.unref();
    return Promise.resolve({ link: linkOver(there, back), maxMessageBytes, sendsAtOnce: true });
  },
});

function ring(): SharedArrayBuffer {
  return RingBuffer.getStorageForCapacity(capacityBytes, Uint8Array);
}

function linkOver(outgoing: SharedArrayBuffer, incoming: SharedArrayBuffer): Link<Uint8Array> {
  const [writer, reader] = [new RingBuffer(outgoing, Uint8Array), new RingBuffer(incoming, Uint8Array)];
  const header = new Uint32Array(1);
  const headerView = new Uint8Array(header.buffer);
  const trySend = (message: Uint8Array): boolean => {
    if (writer.availableWrite() < headerBytes + message.length) return false;
    header[0] = message.length;
    writer.push(headerView);
    writer.push(message);
    return true;
  };
  const tryReceive = (): Uint8Array | undefined => {
    if (reader.availableRead() < headerBytes) return undefined;
    reader.pop(headerView);
    const message = new Uint8Array(header[0] ?? 0);
    while (reader.availableRead() < message.length); // the sender is about to push it
    reader.pop(message);
    return message;
  };
  return {
    trySend,
    async send(message) {
      while (!trySend(message)) await turn();
    },
    tryReceive,
    async receive() {
      for (;;) {
        const message = tryReceive();
        if (message !== undefined) return message;
        await turn();
      }
    },
    close: () => Promise.resolve(),
  };
}
