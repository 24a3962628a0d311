import { fstatSync, unlinkSync } from 'node:fs';
import { closedError, fromErrno, IpcError, isIpcError } from '@ipc/core';
import * as native from '@ipc/native';
import {
  checkIdentity,
  checkRegionBytes,
  FLAG_WHILE_OPEN,
  readRegionHeader,
  REGION_HEADER_BYTES,
  writeRegionHeader,
  type RegionHeader,
  type RegionIdentity,
} from './region-header.ts';
import {
  createUnnamed,
  holdOpen,
  openNamed,
  publish,
  readHeader,
  regionPath,
  reserve,
  letGo,
  unlinkIfUnused,
  type FileAccess,
} from './region-file.ts';
import { listRegions, reclaimRegions, type RegionInfo } from './region-list.ts';

/** What a new region is made of. */
export interface RegionOptions extends RegionIdentity {
  /** Payload size in bytes; the header comes on top. */
  readonly bytes: number;
  /** Fills the payload, which is all zeros, before anybody else can see it. */
  readonly initialise?: ((region: Region) => void) | undefined;
  /** Page tables filled at once, so that first touches do not fault. @default false */
  readonly populate?: boolean | undefined;
}

export interface NamedRegionOptions extends RegionOptions, FileAccess {
  /**
   * `kept`: the name stays until `Region.unlink` or a reboot. `while-open`: it goes with its last user, and what
   * killed users left is taken for absent by the next `openOrCreate`. @default 'kept'
   */
  readonly lifetime?: 'kept' | 'while-open' | undefined;
}

export interface OpenRegionOptions extends RegionIdentity {
  /** Maps without write permission: a store then kills the process (SIGSEGV). @default false */
  readonly readOnly?: boolean | undefined;
  readonly populate?: boolean | undefined;
}

/** How often `openOrCreate` starts again when others create and remove the same name at the same time. */
const openOrCreateAttempts = 1000;

const ALL_SIZE_SEALS = native.SEAL_SHRINK | native.SEAL_GROW;

/**
 * Memory that processes share: a header that says what it is, and a payload mapped at a multiple of 128 bytes.
 *
 * Pages are reserved at creation, so a full /dev/shm is an error then and never a SIGBUS later. A named region gets
 * its name only when it is complete: no opener ever sees half of it, and a process killed on the way leaves nothing.
 *
 * The mapping lives until the last view of it is collected: closing never leaves a dangling view.
 * Thread: any; a worker opens the region again, by name or descriptor.
 * Source: shm_overview(7), memfd_create(2), O_TMPFILE in open(2). Layout: docs/wire-formats/region.md.
 */
export class Region implements Disposable {
  /** `undefined` for an anonymous region. */
  readonly name: string | undefined;
  readonly kind: string;
  /** Payload size. */
  readonly bytes: number;
  /** Whether this object made the region, or found it. */
  readonly created: boolean;
  /** 16 hexadecimal digits that tell this region from every other that had or will have its name. */
  readonly generation: string;
  readonly creatorPid: number;
  readonly layoutHash: Uint8Array;
  /** Where the payload starts in {@link Region.buffer}. */
  readonly offset: number = REGION_HEADER_BYTES;
  /** Everything, header included. A SharedArrayBuffer where the runtime can make one of mapped memory. */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** The payload as bytes. */
  readonly bytesView: Uint8Array;
  /** The payload's whole 32-bit words, for `Atomics` and futexes. */
  readonly words: Int32Array;
  /** The payload for any type at any offset. */
  readonly view: DataView;
  readonly #path: string | undefined;
  readonly #descriptor: number;
  readonly #removesName: boolean;
  #open = true;

  /** @internal Maps `fd`, which then belongs to the region; on failure it stays the caller's. */
  private constructor(fd: number, header: RegionHeader, source: RegionSource) {
    this.name = source.name;
    this.kind = header.kind;
    this.bytes = header.bytes;
    this.created = source.created;
    this.generation = header.generation;
    this.creatorPid = header.creatorPid;
    this.layoutHash = header.layoutHash;
    this.buffer = source.buffer;
    this.bytesView = new Uint8Array(this.buffer, this.offset, this.bytes);
    this.words = new Int32Array(this.buffer, this.offset, this.bytes >>> 2);
    this.view = new DataView(this.buffer, this.offset, this.bytes);
    this.#path = source.path;
    this.#descriptor = fd;
    this.#removesName = header.whileOpen && source.readOnly !== true;
  }

  /**
   * Creates a named region.
   *
   * @throws {TypeError} A malformed name or kind. @throws {RangeError} A size out of range.
   * @throws {IpcError} ERR_IPC_EXISTS; ERR_IPC_LIMIT when /dev/shm is short, with the room left and the room needed;
   *   ERR_IPC_PERMISSION; ERR_IPC_UNSUPPORTED. Whatever `initialise` throws: then nothing is left.
   * Cost: about ten system calls, and the kernel zeroes the pages.
   */
  static create(name: string, options: NamedRegionOptions): Region {
    const path = regionPath(name, options.kind);
    const label = `region "${name}"`;
    const size = REGION_HEADER_BYTES + checkRegionBytes(options.bytes);
    const fd = createUnnamed(size, options, label);
    try {
      const region = Region.#initialise(
        fd,
        options,
        label,
        { name, path },
        options.lifetime === 'while-open' ? FLAG_WHILE_OPEN : 0,
      );
      holdOpen(fd);
      publish(fd, path, label);
      return region;
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  /**
   * Opens a named region.
   *
   * @throws {IpcError} ERR_IPC_NOT_FOUND; ERR_IPC_MISMATCH when it is of another kind, version, layout or byte order;
   *   ERR_IPC_CORRUPT when its header or size is damaged; ERR_IPC_PERMISSION, also when it belongs to another user.
   */
  static open(name: string, options: OpenRegionOptions): Region {
    const path = regionPath(name, options.kind);
    const label = `region "${name}"`;
    const { fd, header } = openNamed(path, label, options.readOnly ?? false);
    return Region.#map(fd, header, options, label, { name, path });
  }

  /** Opens the region of this name, or creates it. Of any number of processes that do so at once, one creates it. Throws as both. */
  static openOrCreate(name: string, options: NamedRegionOptions): Region {
    for (let attempt = 0; ; attempt++) {
      try {
        return Region.open(name, options);
      } catch (error) {
        if (!isIpcError(error, 'ERR_IPC_NOT_FOUND') || attempt >= openOrCreateAttempts) throw error;
      }
      try {
        return Region.create(name, options);
      } catch (error) {
        if (!isIpcError(error, 'ERR_IPC_EXISTS') || attempt >= openOrCreateAttempts) throw error;
      }
    }
  }

  /** Memory without a name, sealed against any change of size, to be handed to others by its {@link Region.descriptor}. Throws as `create`. */
  static anonymous(options: RegionOptions): Region {
    const label = `anonymous region of kind "${options.kind}"`;
    const size = REGION_HEADER_BYTES + checkRegionBytes(options.bytes);
    let fd: number;
    try {
      fd = native.memfdCreate(`ipc-${options.kind}`);
    } catch (error) {
      throw fromErrno(error, 'create', label);
    }
    try {
      reserve(fd, size, label);
      native.addSeals(fd, ALL_SIZE_SEALS | native.SEAL_SEAL);
      return Region.#initialise(fd, options, label, {}, 0);
    } catch (error) {
      native.close(fd);
      throw fromErrno(error, 'create', label);
    }
  }

  /**
   * Maps an anonymous region that somebody passed. The descriptor belongs to the region from then on, also when this fails.
   *
   * @throws {IpcError} ERR_IPC_MISMATCH when it is no region, of another identity, or not sealed (its owner could then
   *   shrink it under us); ERR_IPC_CORRUPT.
   */
  static fromDescriptor(fd: number, options: OpenRegionOptions): Region {
    const label = `region of descriptor ${fd}`;
    let header: RegionHeader;
    try {
      if (!isSealed(fd)) {
        throw new IpcError('ERR_IPC_MISMATCH', `${label} is not sealed against shrinking and growing`);
      }
      header = readHeader(fd, label);
    } catch (error) {
      native.close(fd);
      throw fromErrno(error, 'map', label);
    }
    return Region.#map(fd, header, options, label, {});
  }

  /** Removes a name; those who have the region open keep it. False when there is none. @throws {IpcError} ERR_IPC_PERMISSION. */
  static unlink(name: string, kind: string): boolean {
    try {
      unlinkSync(regionPath(name, kind));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw fromErrno(error, 'unlink region', name);
    }
  }

  /** All named regions that this process may read. Cost: about five system calls for each. */
  static list(): RegionInfo[] {
    return listRegions();
  }

  /**
   * Removes what killed processes left: `while-open` regions that nobody has open, as the kernel says. `kept` ones stay.
   *
   * @returns What was removed.
   */
  static reclaim(): RegionInfo[] {
    return reclaimRegions();
  }

  /** Stays open as long as the region: pass it on, or lock bytes of it. @throws {IpcError} ERR_IPC_CLOSED. */
  get descriptor(): number {
    if (!this.#open) throw closedError('region');
    return this.#descriptor;
  }

  /** True when somebody removed the name: new processes will not find this region. (Python before 3.13 does that to everything it attaches.) */
  get unlinked(): boolean {
    return this.name !== undefined && fstatSync(this.descriptor).nlink === 0;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Keeps the pages out of swap. @throws {IpcError} ERR_IPC_CLOSED; ERR_IPC_LIMIT over RLIMIT_MEMLOCK. Source: mlock(2). */
  lockInMemory(): void {
    if (!this.#open) throw closedError('region');
    try {
      native.lock(this.buffer);
    } catch (error) {
      throw fromErrno(error, 'mlock region', this.name);
    }
  }

  /** Lets go of the region and of every lock on its bytes; the last user of a `while-open` region removes its name. Views stay valid until they are collected. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      if (this.#removesName && this.#path !== undefined) unlinkIfUnused(this.#descriptor, this.#path);
    } finally {
      letGo(this.#descriptor);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  static #map(
    fd: number,
    header: RegionHeader,
    options: OpenRegionOptions,
    label: string,
    place: RegionPlace,
  ): Region {
    try {
      checkIdentity(header, options, label);
      const readOnly = options.readOnly ?? false;
      const buffer = native.map(fd, REGION_HEADER_BYTES + header.bytes, {
        readOnly,
        populate: options.populate,
      });
      return new Region(fd, header, { ...place, created: false, readOnly, buffer });
    } catch (error) {
      native.close(fd);
      throw fromErrno(error, 'open', label);
    }
  }

  static #initialise(
    fd: number,
    options: RegionOptions,
    label: string,
    place: RegionPlace,
    flags: number,
  ): Region {
    const size = REGION_HEADER_BYTES + options.bytes;
    const buffer = native.map(fd, size, { populate: options.populate });
    const head = new Uint8Array(buffer, 0, REGION_HEADER_BYTES);
    writeRegionHeader(head, options, options.bytes, flags);
    const header = readRegionHeader(head.slice(), size, label);
    const region = new Region(fd, header, { ...place, created: true, buffer });
    options.initialise?.(region);
    return region;
  }
}

interface RegionPlace {
  readonly name?: string;
  readonly path?: string;
}

interface RegionSource extends RegionPlace {
  readonly created: boolean;
  readonly readOnly?: boolean;
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}

function isSealed(fd: number): boolean {
  try {
    return (native.getSeals(fd) & ALL_SIZE_SEALS) === ALL_SIZE_SEALS;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false; // not a memfd
    throw error;
  }
}
