import type { BlockPool } from './block-pool.ts';
import type { Monitor } from '@ipc/sync';
import { leaseList } from './message-lists.ts';
import type { MessageTable } from './message-table.ts';
import type { HeldSlot, RingLeases } from './ring-leases.ts';
import { RING_LEASES, WANTS_ROOM } from './shared-layout.ts';
import type { SlotMemory } from './slot-memory.ts';
import type { SlotMover } from './slot-mover.ts';
import type { SlotRing } from './slot-ring.ts';
import { CLAIM_FREED, CLAIM_RECEIVES, CLAIM_SENT, SKIPPED } from './slot-ring-layout.ts';

export interface LeaseHoldersParts {
  readonly words: Int32Array;
  readonly participants: number;
  readonly monitor: Monitor;
  readonly table: MessageTable;
  readonly slots: SlotMemory;
  readonly blocks: BlockPool;
  readonly ring: SlotRing;
  readonly leases: RingLeases;
  readonly mover: SlotMover;
  /** Called before a change to the advantage of those who sleep and want one of these. */
  readonly wake: (wants: number) => void;
}

/**
 * The participants of a queue as those who have messages under lease, in the ring and in cells: what the dead had, and what was not
 * acknowledged in time, can be received again. Everything happens inside the guard.
 */
export class LeaseHolders {
  readonly #parts: LeaseHoldersParts;

  constructor(parts: LeaseHoldersParts) {
    this.#parts = parts;
  }

  /** This participant has the place of its lease list from now on, and what a dead one left there is given back. */
  join(set: (word: number, value: number) => void): void {
    const { monitor } = this.#parts;
    this.inherit(monitor.index);
    set(leaseList(monitor.index) + 2, monitor.identity);
  }

  /** Those, apart from this one, whose death would give messages back. */
  get identities(): number[] {
    const identities: number[] = [];
    for (let index = 0; index < this.#parts.participants; index++)
      if (index !== this.#parts.monitor.index && this.#holdsSomething(index))
        identities.push(this.#identityOf(index));
    return identities;
  }

  /** These, and those who have ever received: one may die when it has made room and has not rung yet. */
  get receivers(): number[] {
    const identities: number[] = [];
    for (let index = 0; index < this.#parts.participants; index++) {
      if (index === this.#parts.monitor.index) continue;
      if (this.#hasReceived(index) && !this.#isAlive(index)) this.#forgetReceived(index);
      if (this.#hasReceived(index) || this.#holdsSomething(index)) identities.push(this.#identityOf(index));
    }
    return identities;
  }

  /** Gives back what the dead have left. */
  buryTheDead(): void {
    const own = this.#parts.monitor.index;
    for (let index = 0; index < this.#parts.participants; index++) {
      if (index === own || !this.#holdsSomething(index) || this.#isAlive(index)) continue;
      this.inherit(index);
    }
  }

  /** What a participant that is dead, or leaves, has under lease or was just moving can be received again. */
  inherit(index: number): void {
    const { table, mover, leases, slots, blocks, wake } = this.#parts;
    wake(WANTS_ROOM);
    this.#forgetReceived(index);
    table.endLeases(index);
    for (const name of [CLAIM_SENT, CLAIM_FREED]) blocks.release(slots.claimAt(index) + name);
    if (mover.inherit(index) && this.#endInRing(leases.heldBy(index))) leases.reset(index);
  }

  /** Ends leases in the ring whose time is over, the last in the ring first, so that they come out again in their order. */
  endDueInRing(now: number): void {
    const { words, participants, leases } = this.#parts;
    if (words[RING_LEASES] === 0) return;
    for (let index = 0; index < participants; index++)
      this.#endInRing(leases.heldBy(index).filter(({ deadlineMs }) => deadlineMs <= now));
  }

  /** When the time of the next lease in the ring is over; Infinity without one. */
  get nextDueInRingMs(): number {
    let next = Infinity;
    for (let index = 0; index < this.#parts.participants; index++)
      for (const { deadlineMs } of this.#parts.leases.heldBy(index)) next = Math.min(next, deadlineMs);
    return next;
  }

  /** Messages in the ring, those under lease included, and how many those are. */
  countInRing(): { readonly messages: number; readonly leased: number } {
    const { participants, slots, ring, leases } = this.#parts;
    let messages = ring.length;
    let leased = 0;
    for (let index = 0; index < participants; index++) {
      const slot = slots.claimedBy(index);
      if (slot >= 0 && ring.isWithin(slot) && slots.ownedState(slot, SKIPPED, index) !== undefined)
        messages--;
      for (const held of leases.heldBy(index)) {
        leased++;
        if (!ring.isWithin(held.slot)) messages++;
      }
    }
    return { messages, leased };
  }

  /** Ends these leases, as far as there are cells for their messages; false when there are not. */
  #endInRing(held: readonly HeldSlot[]): boolean {
    const { mover } = this.#parts;
    return held
      .toSorted((one, other) => (other.position - one.position) | 0)
      .every((lease) => {
        if (!mover.hasRoom) return false;
        mover.endLease(lease, 0);
        return true;
      });
  }

  #holdsSomething(index: number): boolean {
    const { table, slots, leases } = this.#parts;
    return table.hasLeases(index) || slots.isClaiming(index) || leases.hasSome(index);
  }

  #hasReceived(index: number): boolean {
    return this.#parts.words[this.#parts.slots.claimAt(index) + CLAIM_RECEIVES] !== 0;
  }

  #forgetReceived(index: number): void {
    this.#parts.words[this.#parts.slots.claimAt(index) + CLAIM_RECEIVES] = 0;
  }

  #isAlive(index: number): boolean {
    return this.#parts.monitor.isAlive(this.#identityOf(index));
  }

  #identityOf(index: number): number {
    return this.#parts.words[leaseList(index) + 2] ?? 0;
  }
}
