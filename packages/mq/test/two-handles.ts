/** Two handles of this thread on a small queue in shared memory. */
import { Region } from '@ipc/shm';
import { CELL_BYTES, FRESH, planQueue, QUEUE_KIND } from '../src/shared-layout.ts';
import { SharedStore } from '../src/shared-store.ts';

export const slots = 16;
export const geometry = { cellBytes: 128, cells: 64, participants: 4, ringSlots: slots, blocks: 12 } as const;
const silent = { look: () => undefined, lookSoon: () => undefined };

export interface TwoHandles extends Disposable {
  readonly store: SharedStore;
  readonly other: SharedStore;
  readonly region: Region;
}

export function twoHandles(): TwoHandles {
  const region = Region.anonymous({
    kind: QUEUE_KIND,
    bytes: planQueue(geometry).bytes,
    initialise: ({ words }) => {
      words.set(
        [128, geometry.cells, 80, 8_000, 0, geometry.participants, slots, geometry.blocks],
        CELL_BYTES,
      );
      words[FRESH] = 1;
    },
  });
  const [store, other] = [new SharedStore(region, silent), new SharedStore(region, silent)];
  return {
    store,
    other,
    region,
    [Symbol.dispose]() {
      store.close();
      other.close();
      region.close();
    },
  };
}

/** First bytes of all messages, taken out; -1 is a torn one. */
export function drained(store: SharedStore): (number | undefined)[] {
  const found: (number | undefined)[] = [];
  for (let message = store.pull(); message !== undefined; message = store.pull()) {
    const { bytes } = message;
    found.push(bytes.every((byte) => byte === bytes[0]) ? bytes[0] : -1);
  }
  return found;
}

export const small = (n: number): Uint8Array => Uint8Array.of(n);
/** Over three blocks. */
export const long = (n: number): Uint8Array => new Uint8Array(2_100).fill(n);
