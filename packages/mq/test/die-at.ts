/** Deaths inside a call, one step at a time. */
import type { Region } from '@ipc/shm';
import { vi } from 'vitest';
import { UndoLog } from '../src/undo-log.ts';

const atomics = { ...Object.getOwnPropertyDescriptors(Atomics) };
const log = Object.getOwnPropertyDescriptors(UndoLog.prototype);

export class Died extends Error {}

/** Atomic operations on words of a region, from one on. */
export interface AtomicSteps {
  readonly region: Region;
  readonly from: number;
}

/**
 * Runs an operation that dies before its step number `step`: a change in the log, or one of `atomicSteps`. Nothing of either happens
 * afterwards. False when it has fewer steps.
 */
export function dieAt(step: number, operation: () => unknown, atomicSteps?: AtomicSteps): boolean {
  let steps = 0;
  const count = (): void => {
    if (steps++ >= step) throw new Died();
  };
  if (atomicSteps !== undefined) countAtomics(atomicSteps, count);
  vi.spyOn(UndoLog.prototype, 'set').mockImplementation(function (this: UndoLog, index, value) {
    count();
    log.set.value?.call(this, index, value);
  });
  vi.spyOn(UndoLog.prototype, 'rollBack').mockReturnValue(); // the dead do not clean up
  try {
    operation();
    return false;
  } catch (error) {
    if (!(error instanceof Died)) throw error;
    return true;
  } finally {
    Object.defineProperties(Atomics, atomics);
    Object.defineProperties(UndoLog.prototype, log);
  }
}

function countAtomics({ region, from }: AtomicSteps, count: () => void): void {
  for (const name of ['load', 'store', 'compareExchange'] as const) {
    const original = atomics[name].value as (words: Int32Array, index: number, ...values: number[]) => number;
    Object.defineProperty(Atomics, name, {
      configurable: true,
      writable: true,
      value: (words: Int32Array, index: number, ...values: number[]) => {
        if (words === region.words && index >= from) count();
        return original(words, index, ...values);
      },
    });
  }
}
