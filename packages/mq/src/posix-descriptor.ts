import { fromErrno } from '@ipc/core';
import { mqAttributes, mqSend, poll, POLLIN, POLLOUT } from '@ipc/native';
import { letGo } from '@ipc/socket';
import { MessageMemory } from './message-memory.ts';
import { DescriptorReadiness, type ReadinessEvents } from './descriptor-readiness.ts';

/** Messages a queue that one process alone receives from is asked for at once. */
export const privateReadAhead = 16;

/**
 * An open POSIX queue: whole messages in and out without waiting, and waiting for either.
 *
 * On Linux a queue descriptor is an fd that can be polled, so no `mq_notify` (one registrant, one shot)
 * and no `mq_timedreceive` (wall clock) is needed. See mq_overview(7).
 */
export class PosixDescriptor {
  readonly fd: number;
  /** Bytes one message has at most: `mq_msgsize`. */
  readonly messageBytes: number;
  /** Where messages come out. */
  readonly memory: MessageMemory;
  readonly #pollFd: Int32Array;
  #readiness: DescriptorReadiness | undefined;
  #closed = false;

  /**
   * Owns `fd` from now on.
   *
   * @param readAhead - Messages taken out at once; what was taken and not handed out is lost when this is closed.
   * @throws {IpcError} It is not an open queue.
   */
  constructor(fd: number, readAhead = 1) {
    this.fd = fd;
    this.messageBytes = this.attributes().messageBytes;
    this.memory = new MessageMemory(this.messageBytes, readAhead);
    this.#pollFd = Int32Array.of(fd);
  }

  /** Called once, before either `want`. */
  attach(events: ReadinessEvents): void {
    this.#readiness = new DescriptorReadiness(this.fd, events);
  }

  /** False when the queue is full. Cost: one system call. */
  send(message: Uint8Array, priority: number): boolean {
    try {
      return mqSend(this.fd, message, 0, message.length, priority);
    } catch (error) {
      throw fromErrno(error, 'send to queue');
    }
  }

  /** Goes on to the next message in `memory`; false when the queue is empty. Cost: one system call, two after an empty look. */
  receive(): boolean {
    return this.memory.advance(this.fd);
  }

  wantMessage(on: boolean): void {
    this.#readiness?.wantReadable(on);
  }

  wantRoom(on: boolean): void {
    this.#readiness?.wantWritable(on);
  }

  /** BLOCKS until there is a message, or for `timeoutMs` (-1: for ever). */
  blockForMessage(timeoutMs: number): void {
    poll(this.#pollFd, Int16Array.of(POLLIN), new Int16Array(1), timeoutMs);
  }

  /** BLOCKS until there is room, or for `timeoutMs` (-1: for ever). */
  blockForRoom(timeoutMs: number): void {
    poll(this.#pollFd, Int16Array.of(POLLOUT), new Int16Array(1), timeoutMs);
  }

  attributes(): { maxMessages: number; messageBytes: number; currentMessages: number } {
    try {
      return mqAttributes(this.fd);
    } catch (error) {
      throw fromErrno(error, 'read attributes of queue');
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness?.close();
    letGo(this.fd);
  }
}
