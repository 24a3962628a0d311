import { Socket } from 'node:net';
import { closeAtThreadExit } from '@ipc/native';

/**
 * A connected stream socket as one of Node's, for a protocol of your own: raw bytes, no frames, no contract.
 *
 * @param fd - As `dialUnix` returns it and `serveUnix` hands it over; owned by the socket from now on.
 */
export function rawSocket(fd: number): Socket {
  closeAtThreadExit(fd, false); // Node closes it, also with a thread
  return new Socket({ fd });
}
