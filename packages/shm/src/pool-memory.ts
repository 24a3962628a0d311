import { IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { ChunkView } from './chunk-view.ts';
import type { ParticipantTable } from './participant.ts';
import { POSITION } from './participants-layout.ts';
import {
  CHUNK_BYTES,
  CHUNKS,
  HEAD,
  HEADER_WORDS,
  HOLDERS,
  LENGTH,
  PAGE_BYTES,
  PARTICIPANTS,
  PARTICIPANTS_AT,
  PENDING,
  poolGeometry,
  RECEIVERS,
  SEQUENCE,
  SLEEPING_PUBLISHER,
  SLEEPING_RECEIVERS,
  type PoolGeometry,
} from './pool-layout.ts';
import type { Region } from './region.ts';
import { raiseHint } from './sleepers.ts';

/** A chunk under a mapping of its own, which ends with the loan. */
class MappedChunk extends ChunkView {
  override end(): void {
    native.unmap(this.bytes.buffer);
  }
}

/** A pool as all of its ends see it: the steps that they take. Layout: pool-layout.ts. */
export class PoolMemory implements ParticipantTable {
  readonly region: Region;
  readonly words: Int32Array;
  readonly geometry: PoolGeometry;
  readonly at: number = PARTICIPANTS_AT;
  /** Of participants. */
  readonly capacity: number;
  readonly #views: (ChunkView | undefined)[];

  /** @throws {IpcError} ERR_IPC_CORRUPT when the region does not have the size that its own words say. */
  constructor(region: Region) {
    const { words } = region;
    const shape = {
      chunks: Atomics.load(words, CHUNKS),
      chunkBytes: Atomics.load(words, CHUNK_BYTES),
      participants: Atomics.load(words, PARTICIPANTS),
    };
    const geometry = geometryOf(shape);
    if (geometry?.bytes !== region.bytes) {
      throw this.damaged(`${region.bytes} bytes do not hold ${JSON.stringify(shape)}`, region);
    }
    this.region = region;
    this.words = words;
    this.geometry = geometry;
    this.capacity = shape.participants;
    this.#views = Array.from({ length: shape.chunks }, () => undefined);
  }

  /** First word of a chunk's header. */
  headerOf(chunk: number): number {
    return this.geometry.headers + chunk * HEADER_WORDS;
  }

  isFree(chunk: number): boolean {
    return Atomics.load(this.words, this.headerOf(chunk) + HOLDERS) === 0;
  }

  /** A chunk as bytes; the same view each time. */
  view(chunk: number): ChunkView {
    return (this.#views[chunk] ??= new ChunkView(
      new Uint8Array(this.region.buffer, this.region.offset + this.#chunkAt(chunk), this.geometry.chunkBytes),
    ));
  }

  /** A chunk as bytes under a mapping of its own, which ends with the loan: who reads on gets nothing, who writes on changes nothing. */
  mapping(chunk: number): ChunkView {
    const at = this.region.offset + this.#chunkAt(chunk);
    const inPage = at % PAGE_BYTES;
    const { chunkBytes } = this.geometry;
    const buffer = native.map(this.region.descriptor, inPage + chunkBytes, { offset: at - inPage });
    return new MappedChunk(new Uint8Array(buffer, inPage, chunkBytes));
  }

  /** Hands a chunk over as message `sequence` to all who receive now. The publisher only. @returns The next one's sequence. */
  publish(chunk: number, length: number, sequence: number): number {
    const { words } = this;
    const header = this.headerOf(chunk);
    words[header + SEQUENCE] = sequence;
    words[header + LENGTH] = length;
    const holders = Atomics.load(words, RECEIVERS) || PENDING;
    Atomics.store(words, header + HOLDERS, holders);
    words[this.#placeOf(sequence)] = chunk;
    Atomics.exchange(words, HEAD, (sequence + 1) | 0);
    const receivers = Atomics.load(words, RECEIVERS);
    if (holders === PENDING) {
      // Somebody came meanwhile, and may have looked for what waits before this did: once more, for that one.
      if (receivers !== 0 && Atomics.compareExchange(words, header + HOLDERS, PENDING, 0) === PENDING) {
        return this.publish(chunk, length, (sequence + 1) | 0);
      }
    } else if ((holders & ~receivers) !== 0) {
      // Somebody left meanwhile, and may have cleared its bits before this one was set.
      Atomics.and(words, header + HOLDERS, receivers);
    }
    return (sequence + 1) | 0;
  }

  /** The chunk that the ring names for a message. @throws {IpcError} ERR_IPC_CORRUPT. */
  chunkOf(sequence: number): number {
    const chunk = (this.words[this.#placeOf(sequence)] as number) >>> 0;
    if (chunk >= this.geometry.chunks) throw this.damaged(`there is no chunk ${chunk}`);
    return chunk;
  }

  /** Whether a chunk is message `sequence`, and held by `bit`. */
  isHeld(chunk: number, bit: number, sequence: number): boolean {
    const header = this.headerOf(chunk);
    return (
      (Atomics.load(this.words, header + HOLDERS) & bit) !== 0 && this.words[header + SEQUENCE] === sequence
    );
  }

  /** Bytes of the message in a chunk. @throws {IpcError} ERR_IPC_CORRUPT. */
  lengthOf(chunk: number): number {
    const length = (this.words[this.headerOf(chunk) + LENGTH] as number) >>> 0;
    if (length > this.geometry.chunkBytes) throw this.damaged(`${length} bytes in chunk ${chunk}`);
    return length;
  }

  /** Lets go of a chunk; true when it is free then. */
  release(chunk: number, bit: number): boolean {
    return (Atomics.and(this.words, this.headerOf(chunk) + HOLDERS, ~bit) & ~bit) === 0;
  }

  /**
   * Makes this participant a receiver, of messages from `start` on.
   *
   * @returns The chunks that had waited for the first receiver, in their order.
   */
  subscribe(bit: number, start: number): number[] {
    const { words } = this;
    Atomics.or(words, RECEIVERS, bit);
    const waiting: number[] = [];
    for (let chunk = 0; chunk < this.geometry.chunks; chunk++) {
      const header = this.headerOf(chunk);
      const holders = Atomics.load(words, header + HOLDERS);
      const isOld = (((words[header + SEQUENCE] as number) - start) | 0) < 0;
      if ((holders & bit) !== 0 && isOld) {
        Atomics.and(words, header + HOLDERS, ~bit); // meant for the last one of this number
      } else if (holders === PENDING) {
        if (Atomics.compareExchange(words, header + HOLDERS, PENDING, bit) === PENDING && isOld)
          waiting.push(chunk);
      }
    }
    return waiting.sort((a, b) => (this.sequenceOf(a) - this.sequenceOf(b)) | 0);
  }

  /** The number of the message in a chunk. */
  sequenceOf(chunk: number): number {
    return this.words[this.headerOf(chunk) + SEQUENCE] as number;
  }

  /** Takes back what a publisher had begun to publish when it died. The next publisher only. */
  freeUnpublished(): void {
    const head = Atomics.load(this.words, HEAD);
    for (let chunk = 0; chunk < this.geometry.chunks; chunk++) {
      if (!this.isFree(chunk) && ((this.sequenceOf(chunk) - head) | 0) >= 0)
        Atomics.store(this.words, this.headerOf(chunk) + HOLDERS, 0);
    }
  }

  /** Takes back what a receiver holds; what it had not borrowed, and nobody else is there for, waits for the next one. */
  repair(number: number, line: number): void {
    const { words } = this;
    const bit = 1 << number;
    const isLast = (Atomics.and(words, RECEIVERS, ~bit) & ~bit) === 0;
    const position = Atomics.load(words, line + POSITION);
    for (let chunk = 0; chunk < this.geometry.chunks; chunk++) {
      const holders = this.headerOf(chunk) + HOLDERS;
      if ((Atomics.load(words, holders) & bit) === 0) continue;
      const isUnread = ((this.sequenceOf(chunk) - position) | 0) >= 0;
      if (!isLast || !isUnread || Atomics.compareExchange(words, holders, bit, PENDING) !== bit) {
        Atomics.and(words, holders, ~bit);
      } else if (Atomics.load(words, RECEIVERS) !== 0) {
        Atomics.compareExchange(words, holders, PENDING, 0); // the next one is here, and may have looked before this waited
      }
    }
    raiseHint(words, SLEEPING_RECEIVERS);
    raiseHint(words, SLEEPING_PUBLISHER);
  }

  damaged(what: string, region: Region = this.region): IpcError {
    return new IpcError('ERR_IPC_CORRUPT', `pool "${region.name ?? ''}" is damaged: ${what}`);
  }

  #placeOf(sequence: number): number {
    return this.geometry.ring + (sequence & (this.geometry.places - 1));
  }

  #chunkAt(chunk: number): number {
    return this.geometry.chunksAt + chunk * this.geometry.strideBytes;
  }
}

function geometryOf(shape: Parameters<typeof poolGeometry>[0]): PoolGeometry | undefined {
  try {
    return poolGeometry(shape);
  } catch {
    return undefined;
  }
}
