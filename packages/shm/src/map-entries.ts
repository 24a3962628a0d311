import { fence } from './fence.ts';
import { KEY, LIVE, STATE, STATUS_MASK } from './map-layout.ts';
import type { MapTable } from './map-table.ts';

export interface SharedMapEntry {
  /** All `keyBytes` of it. */
  readonly keyBytes: Uint8Array;
  /** As text, without the zeros at the end. */
  readonly key: string;
  readonly value: Uint8Array;
}

const decoder = new TextDecoder();

/** The entries of a segment, each whole; one that moves meanwhile may be missing, or be there twice. */
export function entriesOf(words: Int32Array, table: MapTable, segment: number): SharedMapEntry[] {
  const found: SharedMapEntry[] = [];
  const { segmentSlots, keyBytes, keyWords, valueBytes, valueWords } = table.geometry;
  for (let index = 0; index < segmentSlots; index++) {
    const slot = table.slotAt(segment, index);
    let state = Atomics.load(words, slot + STATE);
    while ((state & STATUS_MASK) === LIVE) {
      const key = words.slice(slot + KEY, slot + KEY + keyWords);
      const at = table.valueAt(slot, state);
      const value = words.slice(at, at + valueWords);
      const before = state;
      fence();
      state = Atomics.load(words, slot + STATE);
      if (state !== before) continue;
      found.push(
        entryOf(new Uint8Array(key.buffer, 0, keyBytes), new Uint8Array(value.buffer, 0, valueBytes)),
      );
      break;
    }
  }
  return found;
}

function entryOf(keyBytes: Uint8Array, value: Uint8Array): SharedMapEntry {
  let end = keyBytes.length;
  while (end > 0 && keyBytes[end - 1] === 0) end--;
  return { keyBytes, key: decoder.decode(keyBytes.subarray(0, end)), value };
}
