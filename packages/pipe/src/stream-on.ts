import { fromErrno } from '@ipc/core';
import { DescriptorStream } from '@ipc/native';
import { close } from './let-go.ts';

/** What a stream reads and writes; -1 for what it does not. */
export type Ends = readonly [readFd: number, writeFd: number];

/** A stream that owns its descriptors. @throws {IpcError} The kernel cannot watch them (ERR_IPC_LIMIT); they are closed then. */
export function streamOn(...ends: Ends): DescriptorStream {
  try {
    return new DescriptorStream(...ends);
  } catch (error) {
    closeEnds(ends);
    throw fromErrno(error, 'watch a pipe');
  }
}

/** Two of them, or none. @throws As {@link streamOn}; all are closed then. */
export function streamsOn(one: Ends, other: Ends): [DescriptorStream, DescriptorStream] {
  let first: DescriptorStream;
  try {
    first = streamOn(...one);
  } catch (error) {
    closeEnds(other);
    throw error;
  }
  try {
    return [first, streamOn(...other)];
  } catch (error) {
    first.close();
    throw error;
  }
}

function closeEnds(ends: Ends): void {
  for (const fd of ends) close(fd);
}
