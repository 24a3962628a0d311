import { readFileSync, writeFileSync } from 'node:fs';
import { layout, Region, RingMemory, ringBytes, RingReader, RingWriter } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

noLeaks();

function vectors(name: string): unknown {
  return JSON.parse(
    readFileSync(new URL(`../../../docs/wire-formats/${name}.json`, import.meta.url), 'utf8'),
  );
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

interface RegionVector {
  readonly what: string;
  readonly file: string;
  readonly opens?: object;
  readonly error?: string;
}

describe('region.json', () => {
  const { regions } = vectors('region') as { regions: readonly RegionVector[] };
  test.each(regions)('$what', ({ file, opens, error }) => {
    const name = uniqueName('vector');
    writeFileSync(`/dev/shm/ipc-${name}.test`, unhex(file));
    onTestFinished(() => {
      Region.unlink(name, 'test');
    });
    if (opens === undefined) {
      expect(() => Region.open(name, { kind: 'test' })).toThrow(expect.objectContaining({ code: error }));
      return;
    }
    using region = Region.open(name, { kind: 'test' });
    expect(region).toMatchObject(opens);
    expect(hex(region.bytesView)).toBe(file.slice(256, 256 + 2 * region.bytes));
  });

  test('what this program writes has every field where the document says', () => {
    const price = layout({ price: 'f64' });
    using region = Region.anonymous({ kind: 'fields', bytes: 77, version: 9, layout: price });
    const view = new DataView(region.buffer);
    expect(view.getUint32(0, true)).toBe(0x52435049);
    expect(view.getUint32(4, true)).toBe(1);
    expect(view.getUint32(8, true)).toBe(0x01020304);
    expect(view.getUint32(12, true)).toBe(9);
    expect(hex(new Uint8Array(region.buffer, 16, 16))).toBe(
      Buffer.from('fields').toString('hex').padEnd(32, '0'),
    );
    expect(view.getBigUint64(32, true)).toBe(77n);
    expect(view.getBigUint64(40, true).toString(16).padStart(16, '0')).toBe(region.generation);
    expect(view.getUint32(48, true)).toBe(process.pid);
    expect(hex(new Uint8Array(region.buffer, 56, 32))).toBe(hex(price.hash));
    expect(view.getUint32(88, true)).toBe(price.text.length);
    expect(hex(new Uint8Array(region.buffer, 128 + 77))).toBe(Buffer.from(price.text).toString('hex'));
  });
});

interface RingVector {
  readonly what: string;
  readonly messages: readonly string[];
  readonly head: number;
  readonly tail: number;
  readonly records: string;
  readonly error?: string;
}

describe('ring.json', () => {
  const { capacity, written, read, damaged } = vectors('ring') as {
    capacity: number;
    written: readonly RingVector[];
    read: readonly RingVector[];
    damaged: readonly RingVector[];
  };
  const newMemory = (): RingMemory => new RingMemory(new ArrayBuffer(ringBytes(capacity)), 0, capacity);
  const position = (memory: RingMemory, word: number): number => (memory.control[word] ?? 0) >>> 0;

  test.each(written)('writing: $what', ({ messages, head, records }) => {
    const memory = newMemory();
    expect(new RingWriter(memory).trySendMany(messages.map(unhex))).toBe(messages.length);
    expect(position(memory, 0)).toBe(head);
    expect(hex(memory.bytes)).toBe(records);
  });

  test.each([...written, ...read, ...damaged])(
    'reading: $what',
    ({ messages, head, tail, records, error }) => {
      const memory = newMemory();
      memory.control[0] = head;
      memory.control[32] = tail;
      memory.bytes.set(unhex(records));
      const reader = new RingReader(memory);
      for (const message of messages) expect(hex(reader.tryReceive() ?? unhex('dead'))).toBe(message);
      if (error === undefined) {
        expect(reader.tryReceive()).toBeUndefined();
        expect(position(memory, 32)).toBe(head);
      } else {
        expect(() => reader.tryReceive()).toThrow(expect.objectContaining({ code: error }));
      }
    },
  );
});
