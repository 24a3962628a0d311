import * as native from '@ipc/native';

/** A byte stream over a connected socket, which it owns also when it cannot be made. */
export function streamOn(fd: number): native.DescriptorStream {
  try {
    return new native.DescriptorStream(fd, fd);
  } catch (error) {
    native.close(fd);
    throw error;
  }
}
