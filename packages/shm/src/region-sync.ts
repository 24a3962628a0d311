import { fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import { fromErrno } from '@ipc/core';
import { closeAtThreadExit, duplicate } from '@ipc/native';
import { letGo } from '@ipc/socket';

const dataSync = promisify(fdatasync);

/** Resolves when all that was written to a file is on the disk; the descriptor may be closed meanwhile. @throws {IpcError} */
export async function syncFile(fd: number, label: string): Promise<void> {
  const own = duplicate(fd);
  closeAtThreadExit(own);
  try {
    await dataSync(own);
  } catch (error) {
    throw fromErrno(error, 'sync', label);
  } finally {
    letGo(own);
  }
}
