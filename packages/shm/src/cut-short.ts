import { isIpcError, type IpcError } from '@ipc/core';
import type { Region } from './region.ts';

/** How long anybody sleeps without looking whether the region is whole. */
const lookMs = 1000;

/**
 * Keeps a sleeper from sleeping for ever on a region whose file was cut short: what others write there it does not see, and nobody
 * rings for it. The kernel wakes nobody for that, so a sleeper looks before it sleeps, and once a second from then on.
 */
export class CutShort {
  readonly #region: Region;
  #error: IpcError | undefined;
  #isReminding = false;

  constructor(region: Region) {
    this.#region = region;
  }

  /** Why there is no use in sleeping, once a look has found out: ERR_IPC_CORRUPT. */
  get error(): IpcError | undefined {
    return this.#error;
  }

  /** Looks. Whoever has closed the region is told elsewhere. Cost: one system call, about 2 µs. */
  look(): boolean {
    if (this.#error !== undefined || !this.#region.isOpen) return this.#error !== undefined;
    try {
      this.#region.assertIntact();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_CORRUPT')) throw error;
      this.#error = error;
    }
    return this.#error !== undefined;
  }

  /** Looks. @throws {IpcError} ERR_IPC_CORRUPT when it was cut short. */
  check(): void {
    this.look();
    if (this.#error !== undefined) throw this.#error;
  }

  /** As much of a time to block, in milliseconds and -1 for ever, as may pass before the next look. */
  limit(timeoutMs: number): number {
    return timeoutMs < 0 ? lookMs : Math.min(timeoutMs, lookMs);
  }

  /** Calls `look` when it is time to look again; does not keep the process alive. Once, however often it is asked to meanwhile. */
  remind(look: () => void): void {
    if (this.#isReminding) return;
    this.#isReminding = true;
    setTimeout(() => {
      this.#isReminding = false;
      look();
    }, lookMs).unref();
  }
}
