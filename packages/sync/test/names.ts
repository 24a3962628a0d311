import { readdirSync } from 'node:fs';
import { Mutex, Semaphore } from '@ipc/sync';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';

let names: string[] = [];

/** A name whose locks are unlinked after the test: tests that end holding one leave its name, as they should. */
export function lockName(): string {
  const name = uniqueName('lock');
  names.push(name, `${name}.other`);
  return name;
}

/** {@link noLeaks}, and no bell is left either. */
export function noLockLeaks(): void {
  noLeaks();
  let before: string[] = [];
  beforeAll(() => {
    before = bells();
  });
  afterEach(() => {
    for (const name of names) for (const kind of [Mutex, Semaphore]) kind.unlink(name);
    names = [];
  });
  afterAll(() => {
    Mutex.openOrCreate(uniqueName('sweep')).close(); // a killed party's bell goes when the next one is hung
    expect(bells().filter((bell) => !before.includes(bell))).toEqual([]);
  });
}

function bells(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith('ipc-bell-'));
}
