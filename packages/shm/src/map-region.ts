import { IpcError } from '@ipc/core';
import {
  CAPACITY,
  KEY_BYTES,
  mapKind,
  SEED,
  SEGMENT_SLOTS,
  SEGMENTS,
  VALUE_BYTES,
  type MapGeometry,
} from './map-layout.ts';
import { Region, type NamedRegionOptions } from './region.ts';

/** The region of a map, which has this shape. @throws {IpcError} ERR_IPC_MISMATCH, ERR_IPC_CORRUPT, and as `Region.openOrCreate`. */
export function openMapRegion(
  name: string,
  geometry: MapGeometry,
  options: Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime' | 'layout'>,
): Region {
  const region = Region.openOrCreate(name, {
    ...options,
    kind: mapKind,
    bytes: geometry.bytes,
    initialise: ({ words }) => {
      words.set(shapeWords(geometry));
      words[SEED] = Math.random() * 2 ** 32; // against those who would choose keys that collide
    },
  });
  try {
    checkShape(region, geometry, name);
    return region;
  } catch (error) {
    region.close();
    throw error;
  }
}

function shapeWords({ capacity, keyBytes, valueBytes, segments, segmentSlots }: MapGeometry): number[] {
  const words: number[] = [];
  words[CAPACITY] = capacity;
  words[KEY_BYTES] = keyBytes;
  words[VALUE_BYTES] = valueBytes;
  words[SEGMENTS] = segments;
  words[SEGMENT_SLOTS] = segmentSlots;
  return words;
}

/** @throws {IpcError} ERR_IPC_MISMATCH, ERR_IPC_CORRUPT. */
function checkShape(region: Region, geometry: MapGeometry, name: string): void {
  const expected = shapeWords(geometry);
  const names = ['capacity', 'keyBytes', 'valueBytes', 'segments', 'slots per segment'];
  const differences = expected.flatMap((value, word) => {
    const found = (region.words[word] ?? 0) >>> 0;
    return found === value ? [] : [`${names[word] ?? ''} is ${found}, expected ${value}`];
  });
  if (differences.length > 0) {
    throw new IpcError('ERR_IPC_MISMATCH', `map "${name}": ${differences.join('; ')}`, { name });
  }
  if (region.bytes !== geometry.bytes) {
    throw new IpcError(
      'ERR_IPC_CORRUPT',
      `map "${name}" has ${region.bytes} bytes, expected ${geometry.bytes}`,
      { name },
    );
  }
}
