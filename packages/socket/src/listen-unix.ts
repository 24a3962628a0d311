import { QueueListener, type Channel, type Listener, type WaitOptions } from '@ipc/core';
import { serveUnix, type ServeUnixOptions, type UnixServer } from './serve-unix.ts';

/**
 * A listener of channels over unix sockets.
 *
 * While as many channels as the backlog wait to be accepted, further connections stay in the kernel: a flood of them
 * costs neither descriptors nor memory here.
 */
export async function listenUnix(
  name: string,
  options: Omit<ServeUnixOptions, 'onConnection' | 'onFailure'>,
  channelOn: (fd: number) => Channel,
  { signal }: WaitOptions = {},
): Promise<Listener> {
  signal?.throwIfAborted();
  const backlog = options.backlog ?? 128;
  const listener = new UnixListener(name, backlog);
  listener.server = await serveUnix(name, {
    ...options,
    onConnection: (fd) => {
      listener.push(channelOn(fd));
    },
    onFailure: (error) => {
      listener.fail(error);
    },
  });
  return listener;
}

class UnixListener extends QueueListener {
  server: UnixServer | undefined;
  readonly #limit: number;

  constructor(name: string, limit: number) {
    super(name, () => this.server?.close());
    this.#limit = Math.max(1, limit);
  }

  override push(channel: Channel): void {
    super.push(channel);
    if (this.pending >= this.#limit) this.server?.hold(true);
  }

  override accept(options?: WaitOptions): Promise<Channel> {
    const accepted = super.accept(options);
    if (this.pending < this.#limit) this.server?.hold(false);
    return accepted;
  }
}
