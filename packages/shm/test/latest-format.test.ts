import { readFileSync } from 'node:fs';
import { LatestReader, LatestWriter, Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

interface Vector {
  readonly what: string;
  readonly published?: readonly string[];
  readonly sequence: number;
  /** The first 16 bytes of each slot: all of it that means anything. */
  readonly slots: readonly string[];
  readonly latest?: string | null;
  readonly error?: string;
}

const document = new URL('../../../docs/wire-formats/latest.json', import.meta.url);
const { maxBytes, vectors } = JSON.parse(readFileSync(document, 'utf8')) as {
  maxBytes: number;
  vectors: readonly Vector[];
};
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const slotAt = (slot: number): number => 256 + slot * 128;

describe('latest.json', () => {
  test.each(vectors.filter(({ published }) => published !== undefined))(
    'writing: $what',
    ({ published = [], sequence, slots }) => {
      const name = uniqueName('vector');
      using writer = LatestWriter.open(name, { maxBytes, lifetime: 'while-open' });
      for (const value of published) writer.publish(unhex(value));
      using region = Region.open(name, { kind: 'latest' });
      expect(region.words.slice(0, 3)).toEqual(Int32Array.of(sequence, maxBytes, 16));
      expect(region.bytes).toBe(256 + 4 * 128 + 16 * 128);
      for (const [slot, bytes] of slots.entries()) {
        expect(hex(region.bytesView.subarray(slotAt(slot), slotAt(slot) + 16))).toBe(bytes);
      }
    },
  );

  test.each(vectors)('reading: $what', ({ sequence, slots, latest, error }) => {
    const name = uniqueName('vector');
    using _writer = LatestWriter.open(name, { maxBytes, lifetime: 'while-open' });
    using region = Region.open(name, { kind: 'latest' });
    region.words[0] = sequence;
    for (const [slot, bytes] of slots.entries()) region.bytesView.set(unhex(bytes), slotAt(slot));
    using reader = LatestReader.open(name);
    if (error !== undefined) {
      expect(() => reader.read()).toThrow(expect.objectContaining({ code: error }));
    } else {
      const value = reader.read();
      expect(value === undefined ? null : hex(value)).toBe(latest);
    }
  });

  test('the next writer goes on behind the last value, also over the end of the numbers', () => {
    const name = uniqueName('vector');
    LatestWriter.open(name, { maxBytes }).close();
    using region = Region.open(name, { kind: 'latest' });
    region.words[0] = -1; // 2^32 - 1
    using writer = LatestWriter.open(name, { maxBytes });
    writer.publish(unhex('dd'));
    expect(region.words[0]).toBe(4);
    Region.unlink(name, 'latest');
  });
});
