import type { Queue } from '@ipc/mq';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';

export interface QueueSubjectOptions {
  readonly id: string;
  readonly floor?: string;
  readonly openOrCreate: (name: string) => Queue;
  readonly unlink: (name: string) => void;
}

/** Two queues of one engine, one for each direction, as a subject; all followers share theirs. */
export function queueSubject({
  id,
  floor,
  openOrCreate,
  unlink,
}: QueueSubjectOptions): MessageSubject<Uint8Array> {
  return defineSubject<Uint8Array>({
    kind: 'messages',
    id,
    scenarios: ['throughput', 'throughput-batched', 'round-trip', 'fan-in', 'work-sharing'],
    followerStartedBy: 'bench',
    format: binaryFormat,
    ...(floor === undefined ? {} : { floor }),
    open({ role, name }) {
      const there = openOrCreate(`${name}-there`);
      const back = openOrCreate(`${name}-back`);
      const link = role === 'leader' ? new QueueLink(there, back) : new QueueLink(back, there);
      return Promise.resolve({
        link,
        maxMessageBytes: there.attributes().maxMessageBytes,
        sendsAtOnce: true,
      });
    },
    cleanUp({ name }) {
      unlink(`${name}-there`);
      unlink(`${name}-back`);
    },
  });
}

class QueueLink implements Link<Uint8Array> {
  readonly #outgoing: Queue;
  readonly #incoming: Queue;

  constructor(outgoing: Queue, incoming: Queue) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
  }

  trySend(message: Uint8Array): boolean {
    return this.#outgoing.trySend(message);
  }

  send(message: Uint8Array): Promise<void> {
    return this.#outgoing.send(message);
  }

  tryReceive(): Uint8Array | undefined {
    return this.#incoming.tryReceive()?.bytes;
  }

  async receive(): Promise<Uint8Array> {
    return (await this.#incoming.receive()).bytes;
  }

  trySendMany(messages: readonly Uint8Array[], from = 0): number {
    return this.#outgoing.trySendMany(from === 0 ? messages : messages.slice(from));
  }

  sendMany(messages: readonly Uint8Array[]): Promise<void> {
    return this.#outgoing.sendMany(messages);
  }

  drain(handler: (message: Uint8Array) => void, limit?: number): number {
    return this.#incoming.drain(({ bytes }) => {
      handler(bytes);
    }, limit);
  }

  close(): Promise<void> {
    this.#outgoing.close();
    this.#incoming.close();
    return Promise.resolve();
  }
}
