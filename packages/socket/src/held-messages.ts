import { Deque } from '@ipc/core';
import { moveDescriptors } from './descriptors.ts';

/** Messages kept for a connection that has no room, or is not there yet: copies, in order, with the descriptors they carry. */
export class HeldMessages {
  readonly #messages = new Deque<Uint8Array>();
  #payloadBytes = 0;

  get length(): number {
    return this.#messages.length;
  }

  /** An empty message counts as one byte: 0 means that none is held. */
  get bytes(): number {
    return this.#payloadBytes + this.#messages.length;
  }

  push(message: Uint8Array): void {
    this.#messages.push(moveDescriptors(message, message.slice()));
    this.#payloadBytes += message.length;
  }

  peek(): Uint8Array | undefined {
    return this.#messages.peek();
  }

  shift(): void {
    this.#payloadBytes -= this.#messages.shift()?.length ?? 0;
  }
}
