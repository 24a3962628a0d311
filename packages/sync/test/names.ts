import { closeSync, constants, existsSync, openSync, readdirSync } from 'node:fs';
import { Barrier, Condition, Event, Latch, Lease, Mutex, Once, RwLock, Semaphore } from '@ipc/sync';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { afterAll, afterEach, expect } from 'vitest';

let names: string[] = [];

/** A name whose locks are unlinked after the test: tests that end holding one leave its name, as they should. */
export function lockName(): string {
  const name = uniqueName('lock');
  names.push(name, `${name}.other`, `${name}.fair`);
  return name;
}

/** {@link noLeaks}, and no bell is left either. */
export function noLockLeaks(): void {
  noLeaks();
  afterEach(() => {
    for (const name of names) {
      for (const kind of [Mutex, Semaphore, RwLock, Event, Latch, Barrier, Once, Condition, Lease])
        kind.unlink(name);
    }
    names = [];
  });
  afterAll(() => {
    Mutex.openOrCreate(uniqueName('sweep')).close(); // a killed party's bell goes when the next one is hung
    expect(silentBells()).toEqual([]);
  });
}

/** Bells without a reader: of the dead. Those of the living may be anybody's. */
function silentBells(): string[] {
  return readdirSync('/dev/shm').filter((name) => {
    if (!name.startsWith('ipc-bell-')) return false;
    if (name.endsWith('.trace')) return !existsSync(`/dev/shm/${name.slice(0, -'.trace'.length)}`);
    try {
      closeSync(openSync(`/dev/shm/${name}`, constants.O_WRONLY | constants.O_NONBLOCK));
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENXIO';
    }
  });
}
