/** `@ipc/shm` over the modelled kernel. */
import * as core from '@ipc/core';
import type * as shm from '@ipc/shm';
import { sharedGlobals } from '../globals.ts';
import { ModelRegion, NeverCutShort } from '../model-region.ts';
import { Source, type Edit } from '../source.ts';
import { crypto, fs, loopGlobals, LoopPromise, native, os, startThread } from '../thread.ts';

/** Its promises are those of the modelled event loop. */
const { WaitQueue } = new Source({ Promise: LoopPromise }, {}, []).load('packages/core/src/wait-queue.ts');

const imports = {
  '@ipc/core': { ...core, WaitQueue },
  '@ipc/native': native,
  'node:fs': fs,
  'node:crypto': crypto,
  'node:os': os,
  'packages/shm/src/region.ts': { Region: ModelRegion },
  'packages/shm/src/cut-short.ts': { CutShort: NeverCutShort },
};

/** Constants made small: more of the same looks would be more of the same states. */
const smaller: readonly Edit[] = [
  {
    file: 'packages/shm/src/records-receive-port.ts',
    from: '(++this.#blocked & (looksPerProof - 1)) === 0 && ',
    to: '',
  },
  { file: 'packages/shm/src/owned-lock.ts', from: 'const looks = 500;', to: 'const looks = 1;' },
];

type Shm = typeof shm & Unexported;

/** What files have and the package does not export. */
interface Unexported {
  readonly SlotMemory: {
    openOrCreate(name: string, kind: string, mode: number, options: shm.SlotOptions): unknown;
  };
  /** Of map-layout.ts and pool-layout.ts. */
  mapGeometry(shape: {
    readonly capacity: number;
    readonly keyBytes: number;
    readonly valueBytes: number;
  }): MapGeometry;
  poolGeometry(shape: {
    readonly chunks: number;
    readonly chunkBytes: number;
    readonly participants: number;
  }): {
    readonly bytes: number;
    /** A word. */
    readonly headers: number;
  };
}

interface MapGeometry {
  readonly bytes: number;
  /** Words. */
  readonly slotsAt: number;
  readonly segmentSlots: number;
  readonly slotWords: number;
  readonly keyWords: number;
}

/**
 * The exports of files. Call what is returned at the start of each run: it clears the event loop.
 *
 * The modules have no variables that matter, so one set of them does for all runs.
 */
export function shmSource(edits: readonly Edit[], ...files: readonly string[]): () => Shm {
  const source = new Source({ ...sharedGlobals, ...loopGlobals }, imports, [...smaller, ...edits]);
  let shm: Shm | undefined;
  return () => {
    startThread();
    return (shm ??= Object.assign(
      {},
      ...['slot-memory', ...files].map((file) => source.load(`packages/shm/src/${file}.ts`)),
    ) as unknown as Shm);
  };
}
