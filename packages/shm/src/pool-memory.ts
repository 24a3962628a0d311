import { closedError, IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import {
  CHUNK_BYTES,
  CHUNKS,
  FREE,
  GENERATION,
  HEAD,
  borrowedBy,
  isBorrowed,
  LOANED,
  PAGE_BYTES,
  poolGeometry,
  RECEIVER_LOCK_BYTE,
  STATES,
  TAIL,
  type PoolGeometry,
} from './pool-layout.ts';
import type { Region } from './region.ts';

/** What is lent, as it is seen by who has it. */
export interface Lent {
  readonly bytes: Uint8Array;
  /** Ends the view, where that is possible. */
  end(): void;
}

const keepView = (): void => undefined;

/** A pool as both of its ends see it. */
export class PoolMemory {
  readonly region: Region;
  readonly words: Int32Array;
  readonly geometry: PoolGeometry;
  readonly #views: (Lent | undefined)[];

  /** @throws {IpcError} ERR_IPC_CORRUPT when the region does not have the size that its own words say. */
  constructor(region: Region) {
    const { words } = region;
    const [chunks, chunkBytes] = [Atomics.load(words, CHUNKS), Atomics.load(words, CHUNK_BYTES)];
    if (chunks < 1 || chunkBytes < 1 || poolGeometry(chunks, chunkBytes).bytes !== region.bytes) {
      throw this.damaged(`${region.bytes} bytes do not hold ${chunks} chunks of ${chunkBytes}`, region);
    }
    this.region = region;
    this.words = words;
    this.geometry = poolGeometry(chunks, chunkBytes);
    this.#views = Array.from({ length: chunks }, () => undefined);
  }

  /** Locks the byte of a role, which only its holder's death or end gives free. */
  takeRole(lockByte: number, role: string): void {
    if (native.ofdLock(this.region.descriptor, 'exclusive', lockByte, 1)) return;
    throw new IpcError('ERR_IPC_EXISTS', `pool "${this.region.name ?? ''}" has a ${role}`);
  }

  /** A chunk as bytes; the same view each time. */
  view(chunk: number): Lent {
    return (this.#views[chunk] ??= {
      bytes: new Uint8Array(
        this.region.buffer,
        this.region.offset + this.#chunkAt(chunk),
        this.geometry.chunkBytes,
      ),
      end: keepView,
    });
  }

  /** A chunk as bytes under a mapping of its own, which ends with the loan: who reads on gets nothing, who writes on changes nothing. */
  mapping(chunk: number): Lent {
    const at = this.region.offset + this.#chunkAt(chunk);
    const inPage = at % PAGE_BYTES;
    const { chunkBytes } = this.geometry;
    const buffer = native.map(this.region.descriptor, inPage + chunkBytes, { offset: at - inPage });
    return {
      bytes: new Uint8Array(buffer, inPage, chunkBytes),
      end: () => {
        native.unmap(buffer);
      },
    };
  }

  /** How many chunks are in the ring. @throws {IpcError} ERR_IPC_CORRUPT; ERR_IPC_CLOSED. */
  published(head: number = Atomics.load(this.words, HEAD)): number {
    if (!this.region.isOpen) throw closedError('pool');
    const count = (head - Atomics.load(this.words, TAIL)) | 0;
    if (count < 0 || count > this.geometry.places) throw this.damaged(`${count} chunks in the ring`);
    return count;
  }

  /** Frees what a publisher that is gone had not published. The publisher only. */
  freeLoaned(): void {
    const published = this.#inRing();
    for (let chunk = 0; chunk < this.geometry.chunks; chunk++) {
      if (!published.has(chunk)) Atomics.compareExchange(this.words, STATES + chunk, LOANED, FREE);
    }
  }

  /** Frees what receivers that are gone had borrowed. Anybody, at any time. */
  freeBorrowed(): void {
    const generation = Atomics.load(this.words, GENERATION); // before the lock is looked at
    const living = native.ofdHolder(this.region.descriptor, 'exclusive', RECEIVER_LOCK_BYTE, 1);
    this.freeBorrowedBut(living ? borrowedBy(generation) : undefined);
  }

  /** Frees everything borrowed but what is in this state. */
  freeBorrowedBut(kept: number | undefined): void {
    const published = this.#inRing();
    for (let chunk = 0; chunk < this.geometry.chunks; chunk++) {
      const state = Atomics.load(this.words, STATES + chunk);
      if (!isBorrowed(state) || state === kept) continue;
      Atomics.compareExchange(this.words, STATES + chunk, state, published.has(chunk) ? LOANED : FREE);
    }
  }

  damaged(what: string, region: Region = this.region): IpcError {
    return new IpcError('ERR_IPC_CORRUPT', `pool "${region.name ?? ''}" is damaged: ${what}`);
  }

  #inRing(): Set<number> {
    const found = new Set<number>();
    const head = Atomics.load(this.words, HEAD);
    for (let n = this.published(head); n > 0; n--) {
      found.add(this.words[this.geometry.ring + 2 * ((head - n) & (this.geometry.places - 1))] as number);
    }
    return found;
  }

  #chunkAt(chunk: number): number {
    return this.geometry.chunksAt + chunk * this.geometry.strideBytes;
  }
}
