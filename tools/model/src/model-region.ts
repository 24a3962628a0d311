import { sharedGlobals } from './globals.ts';
import { FILE } from './kernel.ts';
import { party } from './party.ts';
import { SharedMemory } from './shared-memory.ts';

interface RegionShape {
  readonly kind: string;
  readonly bytes: number;
  readonly initialise?: (region: ModelRegion) => void;
}

/**
 * A region of a scenario, in place of `Region` of `@ipc/shm`: it starts where the modelled memory starts, or at the byte that its name says:
 * `model at 512`. All lie in one file.
 *
 * How regions come into being is not modelled: the first party to open it, while all set up, makes it.
 */
export class ModelRegion {
  readonly name: string;
  readonly kind: string;
  readonly bytes: number;
  readonly offset: number;
  readonly buffer: SharedMemory;
  readonly words: Int32Array;
  readonly bytesView: Uint8Array;
  readonly descriptor: number;
  isOpen = true;

  constructor(name: string, kind: string, bytes: number, descriptor: number = FILE) {
    this.name = name;
    this.offset = startOf(name);
    this.kind = kind;
    this.bytes = bytes;
    this.descriptor = descriptor;
    this.buffer = new SharedMemory(this.offset + bytes);
    const source = this.buffer as unknown as ArrayBuffer;
    this.words = new (sharedGlobals.Int32Array as typeof Int32Array)(source, this.offset, bytes >> 2);
    this.bytesView = new (sharedGlobals.Uint8Array as typeof Uint8Array)(source, this.offset, bytes);
  }

  static openOrCreate(name: string, { kind, bytes, initialise }: RegionShape): ModelRegion {
    const region = new ModelRegion(name, kind, bytes, openFile());
    const [first, end] = [region.offset >> 2, (region.offset + bytes) >> 2];
    const isNew = party().along(({ memory }) =>
      memory.subarray(first, end).every((word) => word === 0),
    ) as boolean;
    if (isNew) initialise?.(region);
    return region;
  }

  static open(name: string, { kind }: Pick<RegionShape, 'kind'>): ModelRegion {
    return new ModelRegion(name, kind, party().world.memory.byteLength - startOf(name), openFile());
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { index } = party();
    party().step({
      name: 'close the region',
      make: (world) => {
        world.entered().close(index, this.descriptor);
      },
    });
  }
}

/** In place of `CutShort` of `@ipc/shm`: nobody truncates the model's file, and nobody looks at a clock for that. */
export class NeverCutShort {
  readonly error = undefined;

  look(): boolean {
    return false;
  }

  check(): void {
    // it is whole
  }

  limit(timeoutMs: number): number {
    return timeoutMs;
  }

  remind(): void {
    // it will never be time
  }
}

function openFile(): number {
  const { index } = party();
  return party().step({
    name: 'open the region',
    make: (world) => world.entered().open(index, '/proc/self/fd/3', true, true),
  }) as number;
}

function startOf(name: string): number {
  return Number(/ at (\d+)$/.exec(name)?.[1] ?? 0);
}
