import { closeSync, constants, openSync } from 'node:fs';
import { fromErrno, IpcError } from '@ipc/core';
import { ofdHolder, ofdLock } from '@ipc/native';
import type { Region } from './region.ts';

/**
 * A table of 256 words, u32: word n is the identity of the last owner number n (1..255; word 0 is unused), which is
 * `generation << 8 | n`. An owner lives as long as word n is its identity and somebody holds the exclusive lock (OFD) on the
 * first byte of word n in the file. Only who holds that lock writes the word.
 */
export const OWNERS_BYTES = 1024;

const NUMBER_MASK = 0xff;
const GENERATION_SHIFT = 8;
const GENERATION_MASK = 0x7fffff;

/**
 * Somebody who can own things in a region: one opened object of one thread. What it owns has its identity written on it.
 *
 * The kernel drops the lock with the process, or with the worker thread: nobody is taken for dead who is slow or stopped.
 */
export class Owner {
  /** Never 0, and never again that of another. */
  readonly identity: number;
  readonly #words: Int32Array;
  readonly #table: number;
  readonly #fileOffset: number;
  /** An open file description of its own, as locks belong to those. */
  readonly #proof: number;

  private constructor(region: Region, at: number, proof: number, number: number) {
    this.#words = region.words;
    this.#table = at >> 2;
    this.#fileOffset = region.offset + at;
    this.#proof = proof;
    const last = Atomics.load(this.#words, this.#table + number);
    const generation = ((last >>> GENERATION_SHIFT) + 1) & GENERATION_MASK;
    this.identity = (generation << GENERATION_SHIFT) | number;
    Atomics.store(this.#words, this.#table + number, this.identity);
  }

  /**
   * Takes a number that nobody alive has.
   *
   * @param at - Where the table is in the region's payload, in bytes.
   * @throws {IpcError} ERR_IPC_LIMIT when all are taken by the living; ERR_IPC_CLOSED.
   * Cost: a few system calls.
   */
  static join(region: Region, at: number): Owner {
    // `fs.openSync`, because Node closes what a worker thread opened with it when that thread ends.
    const proof = openSync(`/proc/self/fd/${region.descriptor}`, constants.O_RDWR);
    try {
      for (let number = 1; number <= NUMBER_MASK; number++) {
        if (ofdLock(proof, 'exclusive', region.offset + at + number * 4, 1))
          return new Owner(region, at, proof, number);
      }
      throw new IpcError(
        'ERR_IPC_LIMIT',
        `all ${NUMBER_MASK} places of those who may write to "${region.name ?? ''}" are taken, 1 more is needed: close some`,
      );
    } catch (error) {
      closeSync(proof);
      throw fromErrno(error, 'join', region.name);
    }
  }

  /** Whether who has this identity still lives. True may be stale for a moment; false is final. Cost: one system call. */
  isAlive(identity: number): boolean {
    if (identity === this.identity) return true;
    const number = identity & NUMBER_MASK;
    const word = this.#table + number;
    if (number === 0 || Atomics.load(this.#words, word) !== identity) return false;
    return (
      ofdHolder(this.#proof, 'exclusive', this.#fileOffset + number * 4, 1) &&
      Atomics.load(this.#words, word) === identity
    );
  }

  /** What it still owns then belongs to somebody dead. */
  leave(): void {
    closeSync(this.#proof);
  }
}
