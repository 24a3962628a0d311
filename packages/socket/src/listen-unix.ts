import { QueueListener, type Channel, type Listener, type WaitOptions } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from './let-go.ts';
import type { PeerRule } from './peer.ts';
import { serveUnix, type ServeUnixOptions, type UnixServer } from './serve-unix.ts';

export interface ListenUnixOptions extends Omit<ServeUnixOptions, 'onConnection' | 'onFailure'> {
  /** Asked before a peer gets a channel; one that is refused sees ERR_IPC_PEER_GONE. @default everyone who may open the file */
  readonly authorize?: PeerRule | undefined;
}

/**
 * A listener of channels over unix sockets.
 *
 * While as many peers as the backlog wait to be authorized or accepted, further connections stay in the kernel: a
 * flood of them costs neither descriptors nor memory here.
 */
export async function listenUnix(
  name: string,
  options: ListenUnixOptions,
  channelOn: (fd: number) => Channel,
  { signal }: WaitOptions = {},
): Promise<Listener> {
  signal?.throwIfAborted();
  const { authorize, backlog = 128 } = options;
  const listener = new UnixListener(name, backlog);
  const admit = async (fd: number, rule: PeerRule): Promise<void> => {
    let admitted = false;
    try {
      admitted = await rule(native.peerCredentials(fd));
      if (admitted) listener.push(channelOn(fd));
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error)); // a rule that fails refuses, but not in silence
    }
    if (!admitted) letGo(fd);
  };
  listener.server = await serveUnix(name, {
    ...options,
    onConnection: (fd) => {
      if (authorize === undefined) listener.push(channelOn(fd));
      else void listener.during(admit(fd, authorize));
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
  #deciding = 0;

  constructor(name: string, limit: number) {
    super(name, () => this.server?.close());
    this.#limit = Math.max(1, limit);
  }

  override push(channel: Channel): void {
    super.push(channel);
    this.#balance();
  }

  override accept(options?: WaitOptions): Promise<Channel> {
    const accepted = super.accept(options);
    this.#balance();
    return accepted;
  }

  /** Counts a peer as waiting until its admission is decided. */
  async during(admission: Promise<void>): Promise<void> {
    this.#deciding++;
    this.#balance();
    await admission;
    this.#deciding--;
    this.#balance();
  }

  #balance(): void {
    this.server?.hold(this.pending + this.#deciding >= this.#limit);
  }
}
