import type { CellPool } from './cell-pool.ts';
import type { MessageTable } from './message-table.ts';
import type { HeldSlot } from './ring-leases.ts';
import { MOVED_SLOT, WANTS_ROOM } from './shared-layout.ts';
import { corrupt, type SlotMemory } from './slot-memory.ts';
import type { SlotRing } from './slot-ring.ts';
import { LEASED_SLOT, MOVING, SKIPPED, WRITING } from './slot-ring-layout.ts';
import type { UndoLog } from './undo-log.ts';

/** What a {@link SlotMover} works with. */
export interface SlotMoverParts {
  readonly words: Int32Array;
  readonly log: UndoLog;
  readonly pool: CellPool;
  readonly table: MessageTable;
  readonly memory: SlotMemory;
  readonly ring: SlotRing;
  /** The own place in the table of participants. */
  readonly participant: number;
  /** Called before a change to the advantage of those who sleep and want one of these. */
  readonly wake: (wants: number) => void;
}

/**
 * Messages on their way from the ring into cells: leases that ended without success, and what dead participants have left.
 *
 * Everything happens inside the guard. A slot is claimed first, so that nobody else has it any more; then its message gets its cell, which
 * MOVED_SLOT says in the same change; then it is free. Who dies on the way is followed by one who finishes.
 */
export class SlotMover {
  readonly #parts: SlotMoverParts;

  constructor(parts: SlotMoverParts) {
    this.#parts = parts;
  }

  /** Whether a message of the ring finds room in cells. */
  get hasRoom(): boolean {
    const { pool, ring } = this.#parts;
    return pool.hasRoom(Math.max(0, ring.maxMessageBytes));
  }

  /** Ends a lease without success; where `hasRoom`. @returns False when it is over already. */
  endLease({ slot, participant: holder }: HeldSlot, delayMs: number): boolean {
    const { memory, participant } = this.#parts;
    this.#begin(slot, 1);
    if (memory.change(slot, LEASED_SLOT, holder, MOVING | (participant + 1))) {
      this.#store(slot, participant, delayMs);
      this.#end(slot, participant);
      return true;
    }
    memory.unclaim(participant);
    return false;
  }

  /**
   * Takes the message that the ring's `look` or `find` has found, for `store` to put it into cells; where `hasRoom`.
   *
   * @returns What `store` returned; `undefined` when somebody else was faster.
   */
  take<T>(store: (message: Uint8Array) => T): T | undefined {
    const { log, memory, participant, ring } = this.#parts;
    const { slot } = ring;
    this.#begin(slot, 0);
    const bytes = ring.take(MOVING | (participant + 1));
    if (bytes === undefined) {
      memory.unclaim(participant);
      return undefined;
    }
    log.set(MOVED_SLOT, slot + 1);
    const stored = store(bytes);
    log.commit();
    this.#end(slot, participant);
    return stored;
  }

  /** Finishes what a dead participant was doing with the slot it claims; false when there is no cell for it yet. */
  inherit(dead: number): boolean {
    const { memory, words } = this.#parts;
    const slot = memory.claimedBy(dead);
    if (slot < 0) return true;
    if (memory.ownedState(slot, MOVING, dead) === undefined) {
      if (!memory.free(slot, WRITING, dead)) memory.free(slot, SKIPPED, dead);
      memory.unclaim(dead);
      return true;
    }
    if (words[MOVED_SLOT] !== slot + 1) {
      if (!this.hasRoom) return false;
      this.#store(slot, dead, 0);
    }
    this.#end(slot, dead);
    return true;
  }

  #begin(slot: number, attempts: number): void {
    const { memory, participant, words } = this.#parts;
    words[MOVED_SLOT] = 0;
    memory.claim(participant, slot, attempts);
  }

  #store(slot: number, owner: number, delayMs: number): void {
    const { log, memory, table } = this.#parts;
    const bytes = memory.copy(slot);
    if (bytes === undefined) {
      this.#end(slot, owner);
      throw corrupt(`a message does not fit into a slot of ${memory.slotBytes} bytes`);
    }
    log.set(MOVED_SLOT, slot + 1);
    table.addReturned(bytes, memory.attemptsOf(owner), delayMs);
    log.commit();
  }

  #end(slot: number, owner: number): void {
    const { memory, wake, words } = this.#parts;
    wake(WANTS_ROOM);
    memory.free(slot, MOVING, owner);
    memory.unclaim(owner);
    words[MOVED_SLOT] = 0;
  }
}
