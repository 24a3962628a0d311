import { readFileSync } from 'node:fs';
import { Region, SharedMap } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

interface Vectors {
  readonly capacity: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly seed: number;
  readonly bytes: number;
  readonly header: string;
  readonly hashes: readonly { readonly key: string; readonly home: number }[];
  readonly changes: readonly {
    readonly op: 'set' | 'delete';
    readonly key: string;
    readonly value?: string;
  }[];
  readonly slots: readonly string[];
  readonly count: number;
  readonly entries: readonly { readonly key: string; readonly value: string }[];
}

const { seed, bytes, header, hashes, changes, slots, count, entries, ...shape } = JSON.parse(
  readFileSync(new URL('../../../docs/wire-formats/map.json', import.meta.url), 'utf8'),
) as Vectors;
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const slotsAt = 1152 + 128;
const slotBytes = 8 + 3 * 8;

function withRegion(run: (map: () => SharedMap, region: Region) => void): void {
  const name = uniqueName('map');
  using region = Region.create(name, { kind: 'map', bytes, lifetime: 'while-open' });
  region.bytesView.set(Buffer.from(header, 'hex'));
  run(() => SharedMap.open(name, shape), region);
}

test('map.json: what changes write', () => {
  withRegion((open, region) => {
    using map = open();
    for (const { op, key, value = '' } of changes) {
      if (op === 'set') map.set(key, new Uint8Array(Buffer.from(value, 'hex')));
      else map.delete(key);
    }
    const { bytesView } = region;
    const found = slots.map((_, i) =>
      hex(bytesView.slice(slotsAt + i * slotBytes, slotsAt + (i + 1) * slotBytes)),
    );
    expect(found).toEqual(slots);
    expect(region.words[(1152 >> 2) + 2]).toBe(count);
  });
});

test('map.json: what is read', () => {
  withRegion((open, region) => {
    for (const [i, slot] of slots.entries())
      region.bytesView.set(Buffer.from(slot, 'hex'), slotsAt + i * slotBytes);
    using map = open();
    expect([...map.entries()].map(({ key, value }) => ({ key, value: hex(value) }))).toEqual(entries);
    for (const { key, value } of entries) expect(hex(map.get(key) ?? new Uint8Array())).toBe(value);
  });
});

test.each(hashes)('map.json: the home of "$key"', ({ key, home }) => {
  withRegion((open, region) => {
    using map = open();
    map.add(key, 1, { type: 'u32' });
    expect((region.words[(slotsAt + home * slotBytes) >> 2] as number) & 3).toBe(1);
    expect(seed).toBe(region.words[5]);
  });
});
