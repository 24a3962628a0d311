import { IpcError } from '@ipc/core';
import { LOG_CAPACITY, LOG_ENTRIES, LOG_LENGTH } from './shared-layout.ts';

/**
 * Changes to shared words that happen together or not at all, whatever step the process dies at.
 *
 * Each old value is in the log before its word changes. A process that is killed has carried out its stores up to some point,
 * and V8 neither drops nor reorders stores to typed arrays; so the log always covers what has changed. The guard keeps everybody
 * else out meanwhile. Words that nobody can reach before the commit need no entry.
 */
export class UndoLog {
  readonly #words: Int32Array;
  #length = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Changes a word. @throws {IpcError} ERR_IPC_CORRUPT: what the memory says leads out of it. Nothing of the change stays. */
  set(index: number, value: number): void {
    const words = this.#words;
    const length = this.#length;
    if (length === LOG_CAPACITY || index >= words.length) {
      throw new IpcError(
        'ERR_IPC_CORRUPT',
        `queue: change ${length} is of word ${index}, of ${words.length}`,
      );
    }
    const entry = LOG_ENTRIES + 2 * length;
    words[entry] = index;
    words[entry + 1] = words[index] ?? 0;
    words[LOG_LENGTH] = this.#length = length + 1;
    words[index] = value;
  }

  add(index: number, difference: number): void {
    this.set(index, ((this.#words[index] ?? 0) + difference) | 0);
  }

  /** All changes since the last commit stay. */
  commit(): void {
    this.#length = 0;
    this.#words[LOG_LENGTH] = 0; // leaving the guard publishes it
  }

  /** Whether somebody, or this very object by an exception, left changes half done. Asked first inside the guard. */
  get isDirty(): boolean {
    return this.#words[LOG_LENGTH] !== 0;
  }

  /** Puts the old values back, the last first; may itself be cut short and begun again. @throws {IpcError} ERR_IPC_CORRUPT. */
  rollBack(): void {
    const words = this.#words;
    const length = words[LOG_LENGTH] ?? 0;
    if (length < 0 || length > LOG_CAPACITY)
      throw new IpcError('ERR_IPC_CORRUPT', `queue: an undo log of ${length} entries`);
    for (let entry = LOG_ENTRIES + 2 * (length - 1); entry >= LOG_ENTRIES; entry -= 2) {
      const index = (words[entry] ?? 0) >>> 0;
      if (index >= words.length)
        throw new IpcError('ERR_IPC_CORRUPT', `queue: the undo log names the word ${index}`);
      words[index] = words[entry + 1] ?? 0;
    }
    this.commit();
  }
}
