import { RingMemory, ringBytes, RingReader, RingWriter } from '@ipc/shm';

interface Ends {
  readonly memory: RingMemory;
  readonly writer: RingWriter;
  readonly reader: RingReader;
  /** Who was woken. */
  readonly wakes: string[];
}

/** The two ends of a ring over memory that nobody else has. */
export function newRing(capacityBytes = 256): Ends {
  const memory = new RingMemory(new ArrayBuffer(ringBytes(capacityBytes)), 0, capacityBytes);
  const wakes: string[] = [];
  const writer = new RingWriter(memory, () => wakes.push('reader'));
  const reader = new RingReader(memory, () => wakes.push('writer'));
  return { memory, writer, reader, wakes };
}

export function text(message: Uint8Array | undefined): string | undefined {
  return message === undefined ? undefined : Buffer.from(message).toString();
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
