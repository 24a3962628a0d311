/** The reference transport: both ends in one process, no kernel. Readable in one sitting. */
import type { Transport } from './channel.ts';
import { Deque } from './deque.ts';
import { peerGoneError } from './errors.ts';
import { checkMaxMessageBytes, DEFAULT_MAX_MESSAGE_BYTES } from './frame.ts';
import { channelOf } from './join.ts';
import { localTransport } from './local-transport.ts';
import { pullEach } from './pull-each.ts';
import type { End, ReceiveEvents, ReceivePort, SendEvents, SendPort } from './ports.ts';

export interface MemoryOptions {
  /** Messages held per direction before `send` waits. @default 64 */
  readonly capacity?: number | undefined;
  /** @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
}

/** Names are private to the returned transport: both ends must use the same one. */
export function memory({
  capacity = 64,
  maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
}: MemoryOptions = {}): Transport {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new RangeError(`capacity must be a positive integer, got ${capacity}`);
  checkMaxMessageBytes(maxMessageBytes);
  return localTransport('memory', { maxMessageBytes, peerDeath: 'never', halfClose: true }, () => {
    const there = new MemoryQueue(capacity, maxMessageBytes);
    const back = new MemoryQueue(capacity, maxMessageBytes);
    return [
      channelOf(new MemorySendPort(there), new MemoryReceivePort(back)),
      channelOf(new MemorySendPort(back), new MemoryReceivePort(there)),
    ];
  });
}

/** One direction: what is in flight, and what the two ends know of each other. */
class MemoryQueue {
  readonly messages = new Deque<Uint8Array>();
  readonly capacity: number;
  readonly maxMessageBytes: number;
  end: End | undefined;
  ended = false;
  readerGone = false;
  /** Messages ever pushed, and ever taken; who asks for a receipt is answered when that many have been taken. */
  pushed = 0;
  taken = 0;
  readonly asks = new Deque<number>();
  roomAwaited = false;
  sender: SendEvents | undefined;
  receiver: ReceiveEvents | undefined;

  constructor(capacity: number, maxMessageBytes: number) {
    this.capacity = capacity;
    this.maxMessageBytes = maxMessageBytes;
  }
}

/** Receipts for all that have been asked for up to here. */
function answer(queue: MemoryQueue): void {
  for (let due = queue.asks.peek(); due !== undefined && due <= queue.taken; due = queue.asks.peek()) {
    queue.asks.shift();
    queue.sender?.received();
  }
}

class MemorySendPort implements SendPort {
  readonly maxMessageBytes: number;
  readonly pendingBytes = 0;
  readonly #queue: MemoryQueue;

  constructor(queue: MemoryQueue) {
    this.#queue = queue;
    this.maxMessageBytes = queue.maxMessageBytes;
  }

  attach(events: SendEvents): void {
    this.#queue.sender = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#queue.readerGone) {
      this.#queue.sender?.fail(peerGoneError('the peer has closed the channel'));
      return false;
    }
    if (this.#queue.messages.length >= this.#queue.capacity) return false;
    this.#queue.messages.push(message.slice());
    this.#queue.pushed++;
    return true;
  }

  publish(): void {
    this.#queue.receiver?.ready();
  }

  awaitRoom(on: boolean): void {
    this.#queue.roomAwaited = on;
  }

  ask(): void {
    this.#queue.asks.push(this.#queue.pushed);
    queueMicrotask(() => {
      answer(this.#queue);
    });
  }

  end(): void {
    this.#queue.ended = true;
    this.#queue.receiver?.ready();
  }

  finish(): void {
    this.#queue.end ??= {};
    this.#queue.receiver?.ready();
  }

  release(): void {
    this.#queue.end ??= { error: peerGoneError() };
    this.#queue.receiver?.ready();
  }
}

class MemoryReceivePort implements ReceivePort {
  readonly #queue: MemoryQueue;

  constructor(queue: MemoryQueue) {
    this.#queue = queue;
  }

  get end(): End | undefined {
    return this.#queue.end;
  }

  get ended(): boolean {
    return this.#queue.ended;
  }

  attach(events: ReceiveEvents): void {
    this.#queue.receiver = events;
  }

  pull(): Uint8Array | undefined {
    const message = this.#queue.messages.shift();
    if (message === undefined) return undefined;
    this.#queue.taken++;
    answer(this.#queue);
    if (this.#queue.roomAwaited) {
      this.#queue.roomAwaited = false;
      queueMicrotask(() => this.#queue.sender?.room()); // not from inside a receive, whose waiters come first
    }
    return message;
  }

  has(): boolean {
    return this.#queue.messages.length > 0;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    return pullEach(() => this.pull(), handler, limit);
  }

  awaitMessage(): void {
    // publishing always reports messages
  }

  release(): void {
    this.#queue.messages.clear();
    this.#queue.receiver = undefined;
    if (this.#queue.end !== undefined) return;
    this.#queue.readerGone = true;
    this.#queue.sender?.fail(peerGoneError('the peer has closed the channel'));
  }
}
