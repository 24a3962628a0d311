import { checkTime } from './port-queue.ts';
import type { LeasedMessage } from './queue.ts';
import type { StoredMessage } from './message-table.ts';
import type { RingLeaseId } from './ring-leases.ts';
import type { SharedStore } from './shared-store.ts';

/** A message in a cell of a {@link SharedStore} under a lease of this process. */
export class CellLease implements LeasedMessage {
  readonly bytes: Uint8Array;
  readonly priority: number;
  readonly attempt: number;
  readonly #store: SharedStore;
  readonly #cell: number;
  readonly #serial: number;

  constructor(store: SharedStore, { bytes, priority, attempt, cell, serial }: StoredMessage) {
    this.bytes = bytes;
    this.priority = priority;
    this.attempt = attempt;
    this.#store = store;
    this.#cell = cell;
    this.#serial = serial;
  }

  acknowledge(): boolean {
    return this.#store.acknowledge(this.#cell, this.#serial);
  }

  release({ delayMs = 0 }: { readonly delayMs?: number | undefined } = {}): boolean {
    checkTime('delayMs', delayMs, 0);
    return this.#store.giveBack(this.#cell, this.#serial, delayMs);
  }

  extend(leaseMs: number): boolean {
    checkTime('leaseMs', leaseMs, Number.MIN_VALUE);
    return this.#store.extend(this.#cell, this.#serial, leaseMs);
  }
}

/** A message in the ring of a {@link SharedStore} under its first lease. */
export class RingLease implements LeasedMessage {
  readonly bytes: Uint8Array;
  readonly priority = 0;
  readonly attempt = 1;
  readonly #store: SharedStore;
  readonly #id: RingLeaseId;

  constructor(store: SharedStore, bytes: Uint8Array, id: RingLeaseId) {
    this.bytes = bytes;
    this.#store = store;
    this.#id = id;
  }

  acknowledge(): boolean {
    return this.#store.acknowledgeInRing(this.#id);
  }

  release({ delayMs = 0 }: { readonly delayMs?: number | undefined } = {}): boolean {
    checkTime('delayMs', delayMs, 0);
    return this.#store.giveBackFromRing(this.#id, delayMs);
  }

  extend(leaseMs: number): boolean {
    checkTime('leaseMs', leaseMs, Number.MIN_VALUE);
    return this.#store.extendInRing(this.#id, leaseMs);
  }
}
