/** Regions that the processes of a crew find by the crew's name. */
import { isIpcError } from '@ipc/core';
import { Region } from '@ipc/shm';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../subject.ts';

/** Opens what another process of the crew is about to make: all start at the same time. */
export async function openMade<T>(open: () => T): Promise<T> {
  for (;;) {
    try {
      return open();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_NOT_FOUND')) throw error;
      await delay(2);
    }
  }
}

/** Removes all that a killed crew has left. */
export function removeRegions({ name }: Pick<Session, 'name'>): void {
  for (const region of Region.list()) if (region.name === name) Region.unlink(name, region.kind);
}
