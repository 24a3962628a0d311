import { closedError } from '@ipc/core';
import type { Monitor } from '@ipc/sync';
import type { UndoLog } from './undo-log.ts';

/**
 * Mutual exclusion of a queue whose changes are in a log: what one that died inside, or an exception, left half done is undone
 * before anybody else sees it.
 */
export class QueueGuard {
  readonly #monitor: Monitor;
  readonly #log: UndoLog;
  #open = true;

  constructor(monitor: Monitor, log: UndoLog) {
    this.#monitor = monitor;
    this.#log = log;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** @throws {IpcError} ERR_IPC_CLOSED; ERR_IPC_CORRUPT: the log. */
  enter(): void {
    if (!this.#open) throw closedError('queue');
    this.#monitor.enter();
    if (this.#log.isDirty) this.#mend();
  }

  leave(): void {
    try {
      if (this.#log.isDirty) this.#log.rollBack();
    } finally {
      this.#monitor.leave();
    }
  }

  /** Between `enter` and `leave`. */
  inside<T>(act: () => T): T {
    this.enter();
    try {
      return act();
    } finally {
      this.leave();
    }
  }

  /** From now on nobody enters by this handle, which takes part in the monitor no more. */
  close(): void {
    this.#open = false;
    this.#monitor.close();
  }

  #mend(): void {
    try {
      this.#log.rollBack();
    } catch (error) {
      this.#monitor.leave();
      throw error;
    }
  }
}
