import { closeAtThreadExit } from '@ipc/native';
import { fromErrno } from '@ipc/core';
import { releaseFile, unlinkIfUnused } from './region-file.ts';

/** What one who has a region open gives back. */
export interface RegionUse {
  readonly descriptor: number;
  /** The path of the name to remove with its last user. */
  readonly ownName: string | undefined;
}

/** Regions dropped without `close` are in use as long as anybody has a view of them: a lock inside, for one. */
const dropped = new FinalizationRegistry<RegionUse>(giveBack);

/** From now on the use ends with the thread, or when the memory is collected, if {@link endUse} does not end it before. */
export function beginUse(use: RegionUse, memory: ArrayBufferLike): void {
  closeAtThreadExit(use.descriptor);
  dropped.register(memory, use, use);
}

export function endUse(use: RegionUse): void {
  dropped.unregister(use);
  giveBack(use);
}

function giveBack({ descriptor, ownName }: RegionUse): void {
  try {
    if (ownName !== undefined) unlinkIfUnused(descriptor, ownName);
  } catch (error) {
    // Who shares another user's region may not remove its name: the next one to open it takes it for absent.
    if (fromErrno(error, 'close').code !== 'ERR_IPC_PERMISSION') throw error;
  } finally {
    releaseFile(descriptor);
  }
}
