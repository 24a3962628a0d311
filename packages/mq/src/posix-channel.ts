/**
 * A channel over two POSIX queues without names, one for each direction, and the socket of their rendezvous.
 *
 * The queues carry the messages. The socket carries one byte, the goodbye, written when the last message is in the
 * queue, and the news of a peer's death, which the kernel brings. Either says that nothing will come behind what
 * is in the queue: the receiver drains it, then ends. Nobody else can open the queues, and the kernel frees
 * them with their last descriptor: a channel leaves nothing behind, however its ends go.
 */
import {
  channelOf,
  fromErrno,
  IpcError,
  peerGoneError,
  type Channel,
  type End,
  type ReceiveEvents,
  type ReceivePort,
  type SendEvents,
  type SendPort,
} from '@ipc/core';
import { DISCONNECT, read, READABLE, sendMessage, type Watch, watch } from '@ipc/native';
import { letGo } from '@ipc/socket';
import type { PosixDescriptor } from './posix-descriptor.ts';
import type { QueuePair } from './posix-handshake.ts';
import { PosixOutbox } from './posix-outbox.ts';

/** A channel that owns both queues and the connected socket. */
export function posixChannel(socketFd: number, { outgoing, incoming }: QueuePair): Channel {
  const link = new Link(socketFd, () => {
    outgoing.close();
    incoming.close();
  });
  return channelOf(new PosixSendPort(outgoing, link), new PosixReceivePort(incoming, link));
}

const goodbye = 0x42; // "B"

/** The rendezvous socket of a connected channel: how it ends, and who still needs it. */
class Link {
  /** Set once nothing will come behind what is in the queue. */
  end: End | undefined;
  onEnd: (end: End) => void = () => undefined;
  onEndReceiving: () => void = () => undefined;
  readonly #fd: number;
  readonly #onRelease: () => void;
  readonly #watch: Watch;
  #holders = 2;

  constructor(fd: number, onRelease: () => void) {
    this.#fd = fd;
    this.#onRelease = onRelease;
    this.#watch = watch(fd, () => {
      this.#onReadable();
    });
    this.#watch.update(READABLE | DISCONNECT);
  }

  sayGoodbye(): void {
    try {
      sendMessage(this.#fd, Uint8Array.of(goodbye), 0, 1);
    } catch {
      // nobody is left to hear it
    }
  }

  /** Each port lets go once; the second closes everything. */
  release(): void {
    if (--this.#holders > 0) return;
    this.#watch.close();
    letGo(this.#fd);
    this.#onRelease();
  }

  #onReadable(): void {
    const word = new Uint8Array(1);
    let end: End;
    try {
      const bytes = read(this.#fd, word, 0, 1);
      if (bytes < 0) return;
      if (bytes === 0) end = { error: peerGoneError() };
      else if (word[0] === goodbye) end = {};
      else
        end = {
          error: new IpcError('ERR_IPC_CORRUPT', `the peer said ${String(word[0])} instead of goodbye`),
        };
    } catch (error) {
      const failure = fromErrno(error, 'receive');
      end = {
        error: failure.code === 'ERR_IPC_PEER_GONE' ? peerGoneError('the peer is gone', error) : failure,
      };
    }
    this.end = end;
    this.#watch.close();
    this.onEnd(end);
    this.onEndReceiving();
  }
}

class PosixSendPort implements SendPort {
  readonly maxMessageBytes: number;
  readonly #queue: PosixDescriptor;
  readonly #outbox: PosixOutbox;
  readonly #link: Link;
  readonly #onTick: () => void;
  #events!: SendEvents;
  #roomAwaited = false;
  #tickScheduled = false;
  #released = false;

  constructor(queue: PosixDescriptor, link: Link) {
    this.#queue = queue;
    this.#outbox = new PosixOutbox(queue.fd, queue.messageBytes);
    this.#link = link;
    this.maxMessageBytes = queue.messageBytes;
    this.#onTick = () => {
      this.#tickScheduled = false;
      if (this.#flush() && this.#roomAwaited) this.#events.room();
      this.#want();
    };
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  attach(events: SendEvents): void {
    this.#events = events;
    this.#queue.attach({
      onReadable: () => undefined,
      onWritable: () => {
        this.#flush();
        if (this.#roomAwaited) events.room();
        else this.#want();
      },
    });
    this.#link.onEnd = ({ error }) => {
      events.fail(error ?? peerGoneError('the peer has closed the channel'));
    };
  }

  push(message: Uint8Array): boolean {
    if (!this.#outbox.push(message) && !(this.#flush() && this.#outbox.push(message))) return false;
    if (this.#outbox.isFull) this.#flush();
    return true;
  }

  /** What one turn of the event loop sends leaves together: as soon as there is enough of it, or when the turn's promises have run. */
  publish(): void {
    if (this.#tickScheduled || this.#outbox.length === 0) return;
    this.#tickScheduled = true;
    process.nextTick(this.#onTick);
  }

  awaitRoom(on: boolean): void {
    this.#roomAwaited = on;
    this.#want();
  }

  finish(): void {
    if (!this.#released) this.#link.sayGoodbye();
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#queue.wantRoom(false);
    this.#link.release();
  }

  #want(): void {
    if (!this.#released) this.#queue.wantRoom(this.#roomAwaited || this.#outbox.length > 0);
  }

  /** True when there is more room than before. */
  #flush(): boolean {
    if (this.#released) return false;
    try {
      return this.#outbox.flush();
    } catch (error) {
      this.#events.fail(fromErrno(error, 'send'));
      return false;
    }
  }
}

class PosixReceivePort implements ReceivePort {
  readonly #queue: PosixDescriptor;
  readonly #link: Link;
  #failure: End | undefined;
  #released = false;

  constructor(queue: PosixDescriptor, link: Link) {
    this.#queue = queue;
    this.#link = link;
  }

  get end(): End | undefined {
    return this.#failure ?? this.#link.end;
  }

  attach(events: ReceiveEvents): void {
    this.#queue.attach({
      onReadable: () => {
        if (this.#released) this.#discard();
        else events.ready();
      },
      onWritable: () => undefined,
    });
    this.#link.onEndReceiving = () => {
      if (this.#released) this.#queue.wantMessage(false);
      else events.ready();
    };
  }

  pull(): Uint8Array | undefined {
    return !this.#released && this.#receive() ? this.#queue.memory.take() : undefined;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    while (count < limit && !this.#released && this.#receive()) {
      count++;
      handler(this.#queue.memory.borrow());
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (!this.#released) this.#queue.wantMessage(on);
  }

  /** Until the other half lets go too, what comes in is dropped, so that a peer that is still flushing gets done. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#link.release();
    this.#queue.wantMessage(this.#link.end === undefined);
  }

  #discard(): void {
    while (this.#receive());
  }

  #receive(): boolean {
    try {
      return this.#queue.receive();
    } catch (error) {
      this.#failure ??= { error: fromErrno(error, 'receive') };
      return false;
    }
  }
}
