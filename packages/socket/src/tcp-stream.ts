import type { Socket } from 'node:net';
import { NodeByteStream, type ByteStream } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from './let-go.ts';

/** How long a closed end goes on dropping what its peer still sends. */
const lingerMs = 5_000;

/**
 * A connected TCP socket from which nothing has been read, as a byte stream.
 *
 * Where `@ipc/native` and the socket's descriptor are at hand, the descriptor is taken over, and the data path is that
 * of unix sockets: no stream machinery between the frames and the kernel. Elsewhere the Node socket itself serves.
 */
export function tcpStream(socket: Socket): ByteStream {
  // Not documented, and the same since Node 0.x; where it is missing the slower path is taken.
  const fd = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd;
  if (native.unavailable() !== undefined || typeof fd !== 'number' || fd < 0)
    return new NodeByteStream(socket);
  const own = native.duplicate(fd);
  socket.destroy(); // closes its descriptor only: the connection lives on in the duplicate
  try {
    return new LingeringStream(own, own);
  } catch (error) {
    letGo(own);
    throw error;
  }
}

/**
 * A TCP descriptor whose `close` loses nothing.
 *
 * Closing with unread bytes resets the connection, and the reset destroys what the peer has not read yet. So this
 * end is shut down for writing, and read and dropped until the peer ends, or for {@link lingerMs}; none of which keeps
 * the process alive. Source: RFC 1122, 4.2.2.13; Apache's lingering_close.
 */
class LingeringStream extends native.DescriptorStream {
  #closing = false;

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const scratch = new Uint8Array(4096);
    const timer = setTimeout(() => {
      super.close();
    }, lingerMs).unref();
    this.onReady = () => {
      try {
        if (this.read(scratch, 0, scratch.length) !== 0) return;
      } catch {
        // reset: there is nothing left to lose
      }
      clearTimeout(timer);
      super.close();
    };
    try {
      this.shutdownWrite();
    } catch {
      // not connected any more: the next read tells
    }
    this.want(true, false);
    this.unref();
    this.onReady(true, false);
  }
}
