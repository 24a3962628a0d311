import type { IpcError } from '@ipc/core';
import type { Participant, ParticipantTable } from './participant.ts';

/** Steps in a row that did not get anywhere because others were faster; only damage makes that many. */
export const maxAttempts = 100_000;

/** Records in a region that participants write and read, as their ports see them. */
export interface SharedRecords extends ParticipantTable {
  /** The region's payload, under two views. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly maxMessageBytes: number;
  /** Indices of the words that say that somebody of this role may sleep. */
  readonly sleepingReaders: number;
  readonly sleepingWriters: number;
  /**
   * Clears the record at this position, if somebody dead left it unfinished.
   *
   * @returns Whether it is worth looking at it again. Cost: a system call when its owner lives.
   */
  unblock(position: number, participant: Participant): boolean;
  damaged(): IpcError;
  /** Lets go of the region, if it is the structure's own. */
  close(): void;
}
