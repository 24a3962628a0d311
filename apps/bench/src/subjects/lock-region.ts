/** Shared memory for a lock and the counter that it guards. */
import { Region } from '@ipc/shm';
import type { Session } from '../subject.ts';

const kind = 'bench-lock';
/** The counter has a cache line of its own, and so has the lock behind it. */
export const LOCK_OFFSET = 128;

/** Opened by both; who comes first makes it. Its name goes with the last one that closes it. */
export function openLockRegion({ name }: Pick<Session, 'name'>, lockBytes: number): Region {
  return Region.openOrCreate(name, { kind, bytes: LOCK_OFFSET + lockBytes, lifetime: 'while-open' });
}

/** Removes what a killed pair has left. */
export function removeLockRegion({ name }: Pick<Session, 'name'>): void {
  Region.unlink(name, kind);
}
