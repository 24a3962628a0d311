import type { LeasedMessage, Queue } from '@ipc/mq';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';

export interface QueueSubjectOptions {
  readonly id: string;
  readonly floor?: string;
  readonly openOrCreate: (name: string) => Queue;
  readonly unlink: (name: string) => void;
  /** Messages are received under a lease, and acknowledged. @default they are received for good */
  readonly leases?: boolean;
}

/** Two queues of one engine, one for each direction, as a subject; all followers share theirs. */
export function queueSubject({
  id,
  floor,
  openOrCreate,
  unlink,
  leases = false,
}: QueueSubjectOptions): MessageSubject<Uint8Array> {
  return defineSubject<Uint8Array>({
    kind: 'messages',
    id,
    scenarios: leases
      ? ['throughput', 'round-trip']
      : ['throughput', 'throughput-batched', 'round-trip', 'fan-in', 'work-sharing'],
    followerStartedBy: 'bench',
    format: binaryFormat,
    ...(floor === undefined ? {} : { floor }),
    open({ role, name }) {
      const there = openOrCreate(`${name}-there`);
      const back = openOrCreate(`${name}-back`);
      const Link = leases ? LeasingLink : QueueLink;
      const link = role === 'leader' ? new Link(there, back) : new Link(back, there);
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
  protected readonly incoming: Queue;

  constructor(outgoing: Queue, incoming: Queue) {
    this.#outgoing = outgoing;
    this.incoming = incoming;
  }

  trySend(message: Uint8Array): boolean {
    return this.#outgoing.trySend(message);
  }

  send(message: Uint8Array): Promise<void> {
    return this.#outgoing.send(message);
  }

  tryReceive(): Uint8Array | undefined {
    return this.incoming.tryReceive()?.bytes;
  }

  async receive(): Promise<Uint8Array> {
    return (await this.incoming.receive()).bytes;
  }

  trySendMany(messages: readonly Uint8Array[], from = 0): number {
    return this.#outgoing.trySendMany(from === 0 ? messages : messages.slice(from));
  }

  sendMany(messages: readonly Uint8Array[]): Promise<void> {
    return this.#outgoing.sendMany(messages);
  }

  drain(handler: (message: Uint8Array) => void, limit?: number): number {
    return this.incoming.drain(({ bytes }) => {
      handler(bytes);
    }, limit);
  }

  close(): Promise<void> {
    this.#outgoing.close();
    this.incoming.close();
    return Promise.resolve();
  }
}

/** Takes each message under a lease, and acknowledges it at once. */
class LeasingLink extends QueueLink {
  override tryReceive(): Uint8Array | undefined {
    const message = this.incoming.tryReceive({ leaseMs });
    return message && acknowledged(message);
  }

  override async receive(): Promise<Uint8Array> {
    return acknowledged(await this.incoming.receive({ leaseMs }));
  }
}

/** Longer than any cell. */
const leaseMs = 60_000;

function acknowledged(message: LeasedMessage): Uint8Array {
  if (!message.acknowledge()) throw new Error('a lease was over before its message was acknowledged');
  return message.bytes;
}
