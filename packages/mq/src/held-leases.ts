import { closedError } from '@ipc/core';
import type { MessageTable } from './message-table.ts';
import { nowMs } from './monotonic-clock.ts';
import type { QueueGuard } from './queue-guard.ts';
import type { QueueSleep } from './queue-sleep.ts';
import type { HeldSlot, RingLeaseId, RingLeases } from './ring-leases.ts';
import type { SlotMover } from './slot-mover.ts';

/** What {@link HeldLeases} work with. */
export interface HeldLeasesParts {
  readonly guard: QueueGuard;
  readonly sleep: QueueSleep;
  readonly table: MessageTable;
  readonly leases: RingLeases;
  readonly mover: SlotMover;
  /** The own place in the table of participants. */
  readonly participant: number;
}

/** The leases of one handle, in cells and in the ring: what their holder may do with them. Each is false when the lease is over. */
export class HeldLeases {
  readonly #parts: HeldLeasesParts;

  constructor(parts: HeldLeasesParts) {
    this.#parts = parts;
  }

  /** Removes a leased message for good. */
  acknowledge(cell: number, serial: number): boolean {
    return this.#with(cell, serial, (table) => {
      table.acknowledge(cell);
    });
  }

  /** Gives a leased message back, to be received again after `delayMs`. */
  giveBack(cell: number, serial: number, delayMs: number): boolean {
    return this.#with(cell, serial, (table) => {
      table.endLease(cell, delayMs);
    });
  }

  /** Makes a lease end `leaseMs` from now. */
  extend(cell: number, serial: number, leaseMs: number): boolean {
    return this.#with(cell, serial, (table) => {
      table.extend(cell, leaseMs);
    });
  }

  acknowledgeInRing(id: RingLeaseId): boolean {
    const { guard, leases, sleep } = this.#parts;
    if (!guard.isOpen) throw closedError('queue');
    if (!leases.acknowledge(id)) return false;
    sleep.ringForRoom();
    return true;
  }

  giveBackFromRing(id: RingLeaseId, delayMs: number): boolean {
    const { leases, mover } = this.#parts;
    return this.#withSlot(id, (held) => {
      if (!mover.hasRoom)
        leases.extend(id, nowMs() + delayMs); // until there is
      else if (mover.endLease(held, delayMs)) leases.forget(id);
    });
  }

  extendInRing(id: RingLeaseId, leaseMs: number): boolean {
    return this.#withSlot(id, () => {
      this.#parts.leases.extend(id, nowMs() + leaseMs);
    });
  }

  #with(cell: number, serial: number, change: (table: MessageTable) => void): boolean {
    const { guard, participant, table } = this.#parts;
    return guard.inside(() => {
      if (!table.isLeased(cell, serial, participant)) return false;
      change(table);
      return true;
    });
  }

  #withSlot(id: RingLeaseId, change: (held: HeldSlot) => void): boolean {
    const { guard, leases } = this.#parts;
    return guard.inside(() => {
      const held = leases.held(id);
      if (held === undefined) return false;
      change(held);
      return true;
    });
  }
}
