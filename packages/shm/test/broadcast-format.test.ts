import { readFileSync } from 'node:fs';
import { Consumer, Producer, Publisher, Region, Subscriber } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

noLeaks();

interface Vector {
  readonly what: string;
  readonly kind: 'broadcast' | 'mpmc';
  readonly mode: 0 | 1;
  readonly written: readonly string[];
  readonly control: { readonly tail: number; readonly head: number };
  readonly slotsHex: string;
  readonly history?: number;
  readonly read?: readonly string[];
}

const document = new URL('../../../docs/wire-formats/broadcast.json', import.meta.url);
const { slots, maxBytes, participants, vectors } = JSON.parse(readFileSync(document, 'utf8')) as {
  slots: number;
  maxBytes: number;
  participants: number;
  vectors: readonly Vector[];
};
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const slotsAt = 640 + participants * 128;

function sender({ kind, mode }: Vector, name: string): Publisher | Producer {
  const options = { slots, maxMessageBytes: maxBytes, participants, lifetime: 'while-open' } as const;
  const opened =
    kind === 'mpmc'
      ? Producer.open(name, options)
      : Publisher.open(name, { ...options, overflow: mode === 1 ? 'wait' : 'lap' });
  onTestFinished(() => opened.close());
  return opened;
}

describe('broadcast.json', () => {
  test.each(vectors)('writing: $what', (vector) => {
    const name = uniqueName('vector');
    const writer = sender(vector, name);
    for (const message of vector.written) expect(writer.trySend(unhex(message))).toBe(true);
    using region = Region.open(name, { kind: vector.kind });
    expect(hex(region.bytesView.subarray(slotsAt))).toBe(vector.slotsHex);
    expect({ tail: region.words[0], head: region.words[32] }).toEqual(vector.control);
  });

  test.each(vectors)('reading: $what', (vector) => {
    const name = uniqueName('vector');
    sender(vector, name);
    using region = Region.open(name, { kind: vector.kind });
    region.bytesView.set(unhex(vector.slotsHex), slotsAt);
    region.words[0] = vector.control.tail;
    region.words[32] = vector.control.head;
    const reader =
      vector.kind === 'mpmc' ? Consumer.open(name) : Subscriber.open(name, { history: vector.history });
    onTestFinished(() => reader.close());
    for (const message of vector.read ?? []) expect(hex(reader.tryReceive() ?? unhex('dead'))).toBe(message);
    expect(reader.tryReceive()).toBeUndefined();
  });

  test('constants and a participant lie where the document says', () => {
    const name = uniqueName('vector');
    sender({ kind: 'mpmc' } as Vector, name);
    using memory = Region.open(name, { kind: 'mpmc' });
    const { view } = memory;
    const constants = [512, 516, 520, 524].map((offset) => view.getUint32(offset, true));
    expect(constants).toEqual([slots, maxBytes, 0, participants]);
    expect([0, 4, 8, 12].map((offset) => view.getUint32(640 + offset, true))).toEqual([
      257,
      process.pid,
      0,
      1,
    ]);
  });
});
