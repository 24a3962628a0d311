import { IpcError } from '@ipc/core';
import type { Region } from '@ipc/shm';
import { BlockPool } from './block-pool.ts';
import { CellPool } from './cell-pool.ts';
import { MessageLists } from './message-lists.ts';
import {
  blockBytesOf,
  BLOCKS,
  CELL_BYTES,
  CELLS,
  MAX_ATTEMPTS,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGES,
  PARTICIPANTS,
  planQueue,
  RING_SLOTS,
} from './shared-layout.ts';
import { SlotMemory } from './slot-memory.ts';
import { TimerHeap } from './timer-heap.ts';
import { UndoLog } from './undo-log.ts';

/** What the memory of a queue is made of, where its own first line says it is. */
export class SharedParts {
  readonly maxMessages: number;
  readonly maxMessageBytes: number;
  readonly maxAttempts: number;
  readonly participants: number;
  /** Offset of the monitor, in bytes. */
  readonly monitor: number;
  readonly cellBytes: number;
  /** Index of the first lease in the ring of participant 0. */
  readonly leases: number;
  readonly log: UndoLog;
  readonly pool: CellPool;
  readonly blocks: BlockPool;
  readonly lists: MessageLists;
  readonly timers: TimerHeap;
  readonly slots: SlotMemory;

  /** @throws {IpcError} ERR_IPC_CORRUPT: the sizes contradict each other, or the region's. */
  constructor({ words, bytesView: bytes, bytes: regionBytes }: Region) {
    const geometry = {
      cellBytes: words[CELL_BYTES] ?? 0,
      cells: words[CELLS] ?? 0,
      participants: words[PARTICIPANTS] ?? 0,
      ringSlots: words[RING_SLOTS] ?? 0,
      blocks: words[BLOCKS] ?? 0,
    };
    const { cellBytes, cells, participants, ringSlots, blocks } = geometry;
    const blockBytes = blockBytesOf(cellBytes);
    this.cellBytes = cellBytes;
    this.maxMessages = words[MAX_MESSAGES] ?? 0;
    this.maxMessageBytes = words[MAX_MESSAGE_BYTES] ?? 0;
    this.maxAttempts = words[MAX_ATTEMPTS] ?? 0;
    this.participants = participants;
    const plan = planQueue(geometry);
    if (
      !(cellBytes >= 128 && cells >= 1 && participants >= 1) ||
      cellBytes % 64 !== 0 ||
      ringSlots < 0 ||
      blocks < 0 ||
      (ringSlots & (ringSlots - 1)) !== 0 ||
      plan.bytes > regionBytes ||
      this.maxMessageBytes > Math.max(cellBytes, blocks * blockBytes)
    ) {
      throw new IpcError('ERR_IPC_CORRUPT', 'queue: its sizes contradict each other');
    }
    this.monitor = plan.monitor;
    this.leases = plan.leases / 4;
    this.log = new UndoLog(words);
    this.pool = new CellPool({ words, bytes, start: plan.cells, cellBytes, cells }, this.log);
    this.blocks = new BlockPool({
      words,
      bytes,
      states: plan.blockStates / 4,
      links: plan.blockLinks / 4,
      payloads: plan.blocks,
      blockBytes,
      blocks,
    });
    this.lists = new MessageLists(words, this.pool, this.log);
    this.timers = new TimerHeap(words, plan.timers / 4, this.pool, this.log);
    this.slots = new SlotMemory(
      {
        words,
        bytes,
        states: plan.states / 4,
        payloads: plan.payloads,
        slotBytes: cellBytes,
        slots: ringSlots,
        claims: plan.claims / 4,
        maxMessageBytes: this.maxMessageBytes,
      },
      this.blocks,
    );
  }
}
