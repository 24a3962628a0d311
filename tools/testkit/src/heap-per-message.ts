/** What passing messages through a channel leaves on the JavaScript heap. Imports no test runner. */
import { setImmediate } from 'node:timers/promises';
import type { Channel } from '@ipc/core';

/** In bytes a message. */
export interface HeapPerMessage {
  /** By `trySend` at one end and `drain` at the other. */
  readonly passed: number;
  /** By what `drain` hands over alone: a view of memory that is used again. */
  readonly handedOver: number;
}

/** A turn of the event loop: few enough to leave with one write. */
const batch = 1000;
const messageBytes = 8;
const batches = 200;

/**
 * Both ends in this process, which has to run with `--min-semi-space-size=256 --max-semi-space-size=256`, so that
 * nothing is collected meanwhile. Neither waits for the other but by a turn of the event loop.
 */
export async function heapPerMessage(near: Channel, far: Channel): Promise<HeapPerMessage> {
  const message = new Uint8Array(messageBytes);
  let passed = 0;
  const count = (): void => {
    passed++;
  };
  const pass = async (messages: number): Promise<number> => {
    const before = process.memoryUsage().heapUsed;
    for (const end = passed + messages; passed < end;) {
      for (let sent = 0; sent < batch;) if (near.trySend(message)) sent++;
      for (const due = passed + batch; passed < due;) {
        await setImmediate();
        far.drain(count);
      }
    }
    return (process.memoryUsage().heapUsed - before) / messages;
  };
  const memory = new Uint8Array(64 << 10);
  const handOver = (views: number): number => {
    const before = process.memoryUsage().heapUsed;
    for (let view = 0; view < views; view++)
      last = memory.subarray(view % batch, (view % batch) + messageBytes);
    return (process.memoryUsage().heapUsed - before) / views;
  };
  await pass(batch * batches); // compiles
  handOver(batch * batches);
  return { passed: await pass(batch * batches), handedOver: handOver(batch * batches) };
}

/** Kept, so that the compiler makes it. */
export let last: Uint8Array | undefined;
