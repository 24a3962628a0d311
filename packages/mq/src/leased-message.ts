import { checkTime } from './port-queue.ts';
import type { LeasedMessage } from './queue.ts';
import type { StoredMessage } from './message-table.ts';
import type { RingLeaseId } from './ring-leases.ts';
import type { HeldLeases } from './held-leases.ts';

/** A message in a cell of a shared-memory queue under a lease of this process. */
export class CellLease implements LeasedMessage {
  readonly bytes: Uint8Array;
  readonly priority: number;
  readonly attempt: number;
  readonly #leases: HeldLeases;
  readonly #cell: number;
  readonly #serial: number;

  constructor(leases: HeldLeases, { bytes, priority, attempt, cell, serial }: StoredMessage) {
    this.bytes = bytes;
    this.priority = priority;
    this.attempt = attempt;
    this.#leases = leases;
    this.#cell = cell;
    this.#serial = serial;
  }

  acknowledge(): boolean {
    return this.#leases.acknowledge(this.#cell, this.#serial);
  }

  release({ delayMs = 0 }: { readonly delayMs?: number | undefined } = {}): boolean {
    checkTime('delayMs', delayMs, 0);
    return this.#leases.giveBack(this.#cell, this.#serial, delayMs);
  }

  extend(leaseMs: number): boolean {
    checkTime('leaseMs', leaseMs, Number.MIN_VALUE);
    return this.#leases.extend(this.#cell, this.#serial, leaseMs);
  }
}

/** A message in the ring of a shared-memory queue under its first lease. */
export class RingLease implements LeasedMessage {
  readonly bytes: Uint8Array;
  readonly priority = 0;
  readonly attempt = 1;
  readonly #leases: HeldLeases;
  readonly #id: RingLeaseId;

  constructor(leases: HeldLeases, bytes: Uint8Array, id: RingLeaseId) {
    this.bytes = bytes;
    this.#leases = leases;
    this.#id = id;
  }

  acknowledge(): boolean {
    return this.#leases.acknowledgeInRing(this.#id);
  }

  release({ delayMs = 0 }: { readonly delayMs?: number | undefined } = {}): boolean {
    checkTime('delayMs', delayMs, 0);
    return this.#leases.giveBackFromRing(this.#id, delayMs);
  }

  extend(leaseMs: number): boolean {
    checkTime('leaseMs', leaseMs, Number.MIN_VALUE);
    return this.#leases.extendInRing(this.#id, leaseMs);
  }
}
