import { fstatSync, unlinkSync } from 'node:fs';
import { closedError, fromErrno, IpcError, isIpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from '@ipc/socket';
import { sweepBells } from './bell.ts';
import {
  checkIdentity,
  checkKind,
  FLAG_WHILE_OPEN,
  readRegionHeader,
  REGION_HEADER_BYTES,
  regionFileBytes,
  writeRegionHeader,
  type RegionHeader,
} from './region-header.ts';
import { createUnnamed, holdOpen, openNamed, publish, readHeader, unlinkIfUnused } from './region-file.ts';
import { listRegions, reclaimRegions, type RegionInfo } from './region-list.ts';
import { createHugeMemory, lockPages, mapPages, pageUnit, reserve } from './region-memory.ts';
import { isSizeSealed, sealSize } from './region-seal.ts';
import { syncFile } from './region-sync.ts';
import { beginUse, endUse, type RegionUse } from './region-use.ts';
import type {
  AnonymousRegionOptions,
  NamedRegionOptions,
  OpenRegionOptions,
  RegionOptions,
} from './region-options.ts';
import { placeOf, type RegionName, type RegionPlace } from './region-place.ts';

export type { AnonymousRegionOptions, NamedRegionOptions, OpenRegionOptions, RegionOptions };

/** How often `openOrCreate` starts again when others create and remove the same name at the same time. */
const openOrCreateAttempts = 1000;

/**
 * Memory that processes share: a header that says what it is, and a payload mapped at a multiple of 128 bytes.
 *
 * Pages are reserved at creation, so a full /dev/shm is an error then and never a SIGBUS later. A named region gets
 * its name only when it is complete: no opener ever sees half of it, and a process killed on the way leaves nothing.
 *
 * A region is in /dev/shm under its name and ends with a reboot; or it is a file of its own, by path, and outlives that. What
 * is written to the latter reaches the disk at `sync`, or when the kernel finds time, in any order: after a power failure
 * a file has what was synced last, and of what came later any pages or none.
 *
 * Whoever may write to a region that is not anonymous may also cut it short. Then what was cut off reads as zeros, here as
 * a private page, and `damaged` says so; the process goes on.
 *
 * The mapping lives until the last view of it is collected: closing never leaves a dangling view. Without `close` the same
 * goes for the descriptor.
 * Thread: any; a worker opens the region again, by name or descriptor. What a terminated worker had open is closed.
 * Source: shm_overview(7), memfd_create(2), O_TMPFILE in open(2). Layout: docs/wire-formats/region.md.
 */
export class Region implements Disposable {
  /** `undefined` for an anonymous region, and for one that is a file of its own. */
  readonly name: string | undefined;
  /** Of its file; `undefined` for an anonymous region. */
  readonly path: string | undefined;
  readonly kind: string;
  /** Payload size. */
  readonly bytes: number;
  /** Whether this object made the region, or found it. */
  readonly created: boolean;
  /** 16 hexadecimal digits that tell this region from every other that had or will have its name. */
  readonly generation: string;
  readonly creatorPid: number;
  /** The layout it was made with, in words; empty without one. */
  readonly layoutText: string;
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
  readonly #label: string;
  readonly #use: RegionUse;
  readonly #fileBytes: number;
  #open = true;

  /** @internal The descriptor stays the caller's until {@link Region.#adopt}. */
  private constructor(fd: number, header: RegionHeader, source: RegionSource) {
    this.name = source.place?.name;
    this.path = source.place?.path;
    this.kind = header.kind;
    this.bytes = header.bytes;
    this.created = source.created;
    this.generation = header.generation;
    this.creatorPid = header.creatorPid;
    this.layoutText = header.layoutText;
    this.buffer = source.buffer;
    this.bytesView = new Uint8Array(this.buffer, this.offset, this.bytes);
    this.words = new Int32Array(this.buffer, this.offset, this.bytes >>> 2);
    this.view = new DataView(this.buffer, this.offset, this.bytes);
    this.#label = source.label;
    this.#use = {
      descriptor: fd,
      ownName: header.whileOpen && source.readOnly !== true ? this.path : undefined,
    };
    this.#fileBytes = this.buffer.byteLength;
  }

  /**
   * Takes the descriptor over. The last step of every making: whoever fails before it closes the descriptor, and a second close,
   * when the buffer is collected, would be that of a stranger who got the same number.
   */
  #adopt(): this {
    beginUse(this.#use, this.buffer);
    return this;
  }

  /**
   * Creates a region that others find, by name or path.
   *
   * @throws {TypeError} A malformed name, path or kind. @throws {RangeError} A size out of range.
   * @throws {IpcError} ERR_IPC_EXISTS; ERR_IPC_LIMIT when /dev/shm or the disk is short, with the room left and the room
   *   needed, or when `lock` is over RLIMIT_MEMLOCK; ERR_IPC_NOT_FOUND when there is no such folder; ERR_IPC_PERMISSION;
   *   ERR_IPC_UNSUPPORTED. Whatever `initialise` throws: then nothing is left.
   * Cost: about fifteen system calls, and the kernel zeroes the pages; a file is written to the disk, which takes milliseconds.
   */
  static create(name: RegionName, options: NamedRegionOptions): Region {
    const place = placeOf(name, options.kind);
    const fd = createUnnamed(place, regionFileBytes(options.bytes, options.layout), options);
    try {
      const flags = options.lifetime === 'while-open' ? FLAG_WHILE_OPEN : 0;
      const region = Region.#initialise(fd, options, place.label, place, flags);
      holdOpen(fd);
      publish(fd, place, options);
      return region.#adopt();
    } catch (error) {
      letGo(fd);
      throw fromErrnoOnly(error, 'create', place.label);
    }
  }

  /**
   * Opens a region by name or path.
   *
   * @throws {IpcError} ERR_IPC_NOT_FOUND; ERR_IPC_MISMATCH when it is of another kind, version, byte order or layout, field
   *   by field; ERR_IPC_CORRUPT when its header or size is damaged; ERR_IPC_PERMISSION, also when it belongs to another user
   *   whom `authorize` does not accept; ERR_IPC_LIMIT when `lock` is over RLIMIT_MEMLOCK.
   */
  static open(name: RegionName, options: OpenRegionOptions): Region {
    const place = placeOf(name, options.kind);
    const { fd, header } = openNamed(place, options.readOnly ?? false, options);
    return Region.#map(fd, header, options, place.label, place);
  }

  /** Opens the region of this name, or creates it. Of any number of processes that do so at once, one creates it. Throws as both. */
  static openOrCreate(name: RegionName, options: NamedRegionOptions): Region {
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

  /**
   * Memory without a name, sealed against any change of size, to be handed to others by its {@link Region.descriptor}.
   *
   * @throws As `create`; with `hugePages` ERR_IPC_LIMIT that says how many are free and needed, and what sets more aside.
   */
  static anonymous(options: AnonymousRegionOptions): Region {
    const label = `anonymous region of kind "${options.kind}"`;
    const size = regionFileBytes(options.bytes, options.layout);
    const memoryName = `ipc-${checkKind(options.kind)}`;
    let fd: number | undefined;
    try {
      fd = options.hugePages === true ? createHugeMemory(memoryName, label) : native.memfdCreate(memoryName);
      reserve(fd, size, label);
      sealSize(fd);
      return Region.#initialise(fd, options, label, undefined, 0).#adopt();
    } catch (error) {
      if (fd !== undefined) letGo(fd);
      throw fromErrnoOnly(error, 'create', label);
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
      if (!isSizeSealed(fd)) {
        throw new IpcError('ERR_IPC_MISMATCH', `${label} is not sealed against shrinking and growing`);
      }
      header = readHeader(fd, label);
    } catch (error) {
      letGo(fd);
      throw fromErrno(error, 'map', label);
    }
    return Region.#map(fd, header, options, label, undefined);
  }

  /**
   * Removes a name; those who have the region open keep it. The kernel decides who may: in /dev/shm the region's owner and
   * root, elsewhere whoever may write to the folder.
   *
   * @param options - `ifUnused`: only when nobody has it open, as the kernel says.
   * @returns False when there is none, or it is in use.
   * @throws {IpcError} ERR_IPC_PERMISSION; with `ifUnused` ERR_IPC_MISMATCH and ERR_IPC_CORRUPT for what is no region.
   */
  static unlink(name: RegionName, kind: string, options: { readonly ifUnused?: boolean } = {}): boolean {
    const place = placeOf(name, kind);
    try {
      if (options.ifUnused !== true) {
        unlinkSync(place.path);
        return true;
      }
      const { fd } = openNamed(place, false, { authorize: () => true });
      try {
        native.ofdLock(fd, 'unlock', 0, 1);
        return unlinkIfUnused(fd, place.path);
      } finally {
        letGo(fd);
      }
    } catch (error) {
      const failure = fromErrno(error, 'unlink', place.label);
      if (failure.code === 'ERR_IPC_NOT_FOUND') return false;
      throw failure;
    }
  }

  /** All named regions that this process may read. Cost: about five system calls for each. */
  static list(): RegionInfo[] {
    return listRegions();
  }

  /**
   * Removes what killed processes left in /dev/shm: `while-open` regions that nobody has open, and the FIFOs by which
   * participants were woken and nobody listens to any more, both by the kernel's word. `kept` regions stay.
   *
   * @returns The regions that were removed. Cost: some system calls for each region and FIFO there is.
   */
  static reclaim(): RegionInfo[] {
    sweepBells();
    return reclaimRegions();
  }

  /** Stays open as long as the region: pass it on, or lock bytes of it. @throws {IpcError} ERR_IPC_CLOSED. */
  get descriptor(): number {
    if (!this.#open) throw closedError('region');
    return this.#use.descriptor;
  }

  /** True when somebody removed the name: new processes will not find this region. (Python before 3.13 does that to everything it attaches.) */
  get unlinked(): boolean {
    return this.path !== undefined && fstatSync(this.descriptor).nlink === 0;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * True when somebody cut the region's file short, or its disk failed: what is missing reads as zeros, and what is written
   * there nobody else sees. It stays true. An anonymous region is sealed against that.
   *
   * @throws {IpcError} ERR_IPC_CLOSED. Cost: one system call, about 2 µs.
   */
  get damaged(): boolean {
    return fstatSync(this.descriptor).size < this.#fileBytes || native.lostPages(this.buffer) > 0;
  }

  /** @throws {IpcError} ERR_IPC_CORRUPT when the region is {@link damaged}; ERR_IPC_CLOSED. Cost: as `damaged`. */
  assertIntact(): void {
    if (!this.damaged) return;
    const pages = native.lostPages(this.buffer);
    throw new IpcError(
      'ERR_IPC_CORRUPT',
      `${this.#label}: its file of ${this.#fileBytes} bytes was cut short (${pages} pages of it were used since)`,
    );
  }

  /** Keeps the pages out of swap. @throws {IpcError} ERR_IPC_CLOSED; ERR_IPC_LIMIT over RLIMIT_MEMLOCK. Source: mlock(2). */
  lockInMemory(): void {
    if (!this.#open) throw closedError('region');
    lockPages(this.buffer, this.#label);
  }

  /**
   * Resolves when everything that was written to the region before this call is on the disk. The kernel does the same by itself
   * within about 30 seconds (vm.dirty_expire_centisecs). Memory without a disk is always in sync.
   *
   * @throws {IpcError} ERR_IPC_CORRUPT when the region is damaged; ERR_IPC_SYSTEM (EIO) when the disk refuses; ERR_IPC_CLOSED.
   * Cost: a thread of libuv's pool for as long as the disk takes. Source: fdatasync(2), which writes mapped pages too.
   */
  async sync(): Promise<void> {
    await syncFile(this.descriptor, this.#label);
    if (this.#open) this.assertIntact();
  }

  /**
   * As {@link sync}, of some bytes of the payload, and BLOCKS the thread.
   *
   * @throws {RangeError} The range is not in the payload. @throws As `sync`. Source: msync(2), MS_SYNC.
   */
  syncSync(offset = 0, length: number = this.bytes - offset): void {
    if (!this.#open) throw closedError('region');
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes))
      throw new RangeError(`expected a range in 0..${this.bytes}, got ${length} bytes at ${offset}`);
    try {
      native.sync(this.buffer, this.offset + offset, length);
    } catch (error) {
      throw fromErrnoOnly(error, 'sync', this.#label);
    }
    this.assertIntact();
  }

  /**
   * Lets go of the region and of every lock on its bytes; the last user of a `while-open` region removes its name, if it may. Views
   * stay valid until they are collected. Idempotent.
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    endUse(this.#use);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  static #map(
    fd: number,
    header: RegionHeader,
    options: OpenRegionOptions,
    label: string,
    place: RegionPlace | undefined,
  ): Region {
    try {
      checkIdentity(header, options, label);
      const readOnly = options.readOnly ?? false;
      const size = REGION_HEADER_BYTES + header.bytes + header.layoutBytes;
      const buffer = mapPages(fd, size, readOnly, options, label);
      return new Region(fd, header, { place, label, created: false, readOnly, buffer }).#adopt();
    } catch (error) {
      letGo(fd);
      throw fromErrno(error, 'open', label);
    }
  }

  static #initialise(
    fd: number,
    options: RegionOptions,
    label: string,
    place: RegionPlace | undefined,
    flags: number,
  ): Region {
    const buffer = mapPages(fd, regionFileBytes(options.bytes, options.layout), false, options, label);
    const file = new Uint8Array(buffer);
    writeRegionHeader(file, options, options.bytes, flags);
    const header = {
      ...readRegionHeader(file.slice(0, REGION_HEADER_BYTES), file.length, pageUnit(fd), label),
      layoutText: options.layout?.text ?? '',
    };
    const region = new Region(fd, header, { place, label, created: true, buffer });
    options.initialise?.(region);
    return region;
  }
}

interface RegionSource {
  readonly place: RegionPlace | undefined;
  readonly label: string;
  readonly created: boolean;
  readonly readOnly?: boolean;
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}

/** What the kernel said becomes an IpcError; a caller's bug, and whatever a callback threw, stays what it is. */
function fromErrnoOnly(error: unknown, what: string, label: string): unknown {
  return typeof (error as NodeJS.ErrnoException | undefined)?.syscall === 'string'
    ? fromErrno(error, what, label)
    : error;
}
