import { IpcError } from '@ipc/core';

/** Of a lock that its holder has given up. */
export function unrecoverableError(): IpcError {
  return new IpcError(
    'ERR_IPC_CORRUPT',
    'the lock was given up as unrecoverable: what it protects needs repair; unlink it to start anew',
  );
}
