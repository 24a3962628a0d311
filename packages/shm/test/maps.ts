import { SharedMap, type SharedMapOptions } from '@ipc/shm';
import { expect } from 'vitest';

/** Runs the commands of a test on a map of its own. */
export const mapPeer = new URL('../dist-test/workers/map-peer.js', import.meta.url);
export const mapOptions = { capacity: 100, keyBytes: 12, valueBytes: 20, lifetime: 'while-open' } as const;
/** The lock of the first segment. */
export const lockWord = 1152 >> 2;
export const coded = (code: string): unknown => expect.objectContaining({ code });
export const filled = (byte: number, length = 20): Uint8Array => new Uint8Array(length).fill(byte);
export const openMap = (name: string, more?: Partial<SharedMapOptions>): SharedMap =>
  SharedMap.open(name, { ...mapOptions, ...more });

/** Everything in a map; each value must be of one byte. */
export function contents(map: SharedMap): Map<string, number> {
  const found = new Map<string, number>();
  for (const { key, value } of map.entries()) {
    expect(found.has(key)).toBe(false);
    expect(value.every((byte) => byte === value[0])).toBe(true);
    expect(map.get(key)).toEqual(value);
    found.set(key, value[0] as number);
  }
  expect(map.size).toBe(found.size);
  return found;
}
