import type { BlockChain } from './block-pool.ts';
import type { MessageTable, StoredMessage } from './message-table.ts';
import type { HeldSlot } from './ring-leases.ts';
import { WANTS_ROOM } from './shared-layout.ts';
import { corrupt, type SlotMemory } from './slot-memory.ts';
import type { SlotRing } from './slot-ring.ts';
import { IN_CELL, LEASED_SLOT, MOVING, RECEIVED, SKIPPED, WRITING } from './slot-ring-layout.ts';
import type { UndoLog } from './undo-log.ts';

/** What a {@link SlotMover} works with. */
export interface SlotMoverParts {
  readonly words: Int32Array;
  readonly log: UndoLog;
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
 * the slot says in the same change; then it is free. Who dies on the way is followed by one who finishes. What lies in blocks stays there.
 */
export class SlotMover {
  readonly #parts: SlotMoverParts;

  constructor(parts: SlotMoverParts) {
    this.#parts = parts;
  }

  /** Whether a message of the ring finds room in cells. */
  get hasRoom(): boolean {
    return this.#parts.table.hasCell;
  }

  /** Ends a lease without success; where `hasRoom`. @returns False when it is over already. */
  endLease({ slot, participant: holder }: HeldSlot, delayMs: number): boolean {
    const { memory, participant } = this.#parts;
    memory.claim(participant, slot, 1);
    if (memory.change(slot, LEASED_SLOT, holder, MOVING | (participant + 1))) {
      this.#store(slot, participant, delayMs);
      this.#end(slot, participant);
      return true;
    }
    memory.unclaim(participant);
    return false;
  }

  /** Leases the message that the ring's `look` or `find` has found, moved into a cell; where `hasRoom`. `undefined` when somebody else was faster. */
  lease(leaseMs: number): StoredMessage | undefined {
    const { log, memory, participant, ring, table } = this.#parts;
    const { slot } = ring;
    memory.claim(participant, slot, 0);
    const bytes = ring.take(MOVING | (participant + 1));
    if (bytes === undefined) {
      memory.unclaim(participant);
      return undefined;
    }
    const leased = table.addLeased(this.#chainOf(slot) ?? bytes, bytes, participant, leaseMs);
    log.set(memory.lengthAt(slot), IN_CELL);
    log.commit();
    this.#end(slot, participant);
    return leased;
  }

  /** Finishes what a dead participant was doing with the slot it claims; false when there is no cell for it yet. */
  inherit(dead: number): boolean {
    const { memory, words } = this.#parts;
    const slot = memory.claimedBy(dead);
    if (slot < 0) return true;
    if (memory.ownedState(slot, MOVING, dead) !== undefined) {
      const length = words[memory.lengthAt(slot)];
      if (length === RECEIVED) memory.freeBlocks(slot);
      else if (length !== IN_CELL) {
        if (!this.hasRoom) return false;
        this.#store(slot, dead, 0);
      }
      this.#end(slot, dead);
      return true;
    }
    for (const kind of [WRITING, SKIPPED]) {
      if (memory.ownedState(slot, kind, dead) === undefined) continue;
      memory.freeBlocks(slot);
      memory.free(slot, kind, dead);
    }
    memory.unclaim(dead);
    return true;
  }

  #store(slot: number, owner: number, delayMs: number): void {
    const { log, memory, table } = this.#parts;
    const length = memory.lengthOf(slot);
    if (length === undefined) {
      this.#end(slot, owner);
      throw corrupt('a message of an impossible length');
    }
    table.addReturned(this.#chainOf(slot) ?? memory.copy(slot, length), memory.attemptsOf(owner), delayMs);
    log.set(memory.lengthAt(slot), IN_CELL);
    log.commit();
  }

  /** The blocks of a message that does not lie in its slot. */
  #chainOf(slot: number): BlockChain | undefined {
    const { memory } = this.#parts;
    const length = memory.lengthOf(slot) ?? 0;
    return length <= memory.slotBytes
      ? undefined
      : { length, block: memory.blockOf(slot), state: memory.blockStateOf(slot) };
  }

  #end(slot: number, owner: number): void {
    const { memory, wake } = this.#parts;
    wake(WANTS_ROOM);
    memory.free(slot, MOVING, owner);
    memory.unclaim(owner);
  }
}
