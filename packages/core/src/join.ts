import type { Channel, FlushOptions, Receiver, Sender, WaitOptions } from './channel.ts';
import { peerGoneError } from './errors.ts';
import type { ReceivePort, SendPort } from './ports.ts';
import { ReceiveHalf } from './receive-half.ts';
import { SendHalf } from './send-half.ts';

/** A channel of two ports. When the peer's end is seen, sending ends as well (C5, C7). */
export function channelOf(sendPort: SendPort, receivePort: ReceivePort): Channel {
  const sender = new SendHalf(sendPort);
  const receiver = new ReceiveHalf(receivePort, ({ error }) => {
    sender.fail(error ?? peerGoneError('the peer has closed the channel'));
  });
  return new JoinedChannel(sender, receiver, (options) => sender.end(options));
}

/**
 * A channel of two halves, for those who have them: closing it closes both.
 *
 * @param end - Ends sending alone. @default closes `sender`, which is right where the two are independent of each other
 */
export function joinHalves<T>(
  sender: Sender<T>,
  receiver: Receiver<T>,
  end: Channel<T>['end'] = (options) => sender.close(options),
): Channel<T> {
  return new JoinedChannel(sender, receiver, end);
}

class JoinedChannel<T> implements Channel<T> {
  readonly closed: Promise<Error | undefined>;
  readonly #sender: Sender<T>;
  readonly #receiver: Receiver<T>;
  readonly #end: Channel<T>['end'];
  #closedLocally!: () => void;

  constructor(sender: Sender<T>, receiver: Receiver<T>, end: Channel<T>['end']) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#end = end;
    const locally = new Promise<undefined>((resolve) => {
      this.#closedLocally = () => {
        resolve(undefined);
      };
    });
    // A peer that closed cleanly ends one direction only: the channel is over when this side closes too.
    const failed = receiver.closed.then((error) => error ?? locally);
    this.closed = Promise.race([failed, locally]);
  }

  get bufferedBytes(): number {
    return this.#sender.bufferedBytes;
  }

  get partialBytes(): number {
    return this.#receiver.partialBytes;
  }

  send(message: T, options?: WaitOptions): Promise<void> {
    return this.#sender.send(message, options);
  }

  trySend(message: T): boolean {
    return this.#sender.trySend(message);
  }

  sendMany(messages: readonly T[], options?: WaitOptions): Promise<void> {
    return this.#sender.sendMany(messages, options);
  }

  trySendMany(messages: readonly T[], from?: number): number {
    return this.#sender.trySendMany(messages, from);
  }

  flush(options?: FlushOptions): Promise<void> {
    return this.#sender.flush(options);
  }

  end(options?: WaitOptions): Promise<void> {
    return this.#end(options);
  }

  receive(options?: WaitOptions): Promise<T | undefined> {
    return this.#receiver.receive(options);
  }

  ready(options?: WaitOptions): Promise<void> {
    return this.#receiver.ready(options);
  }

  tryReceive(): T | undefined {
    return this.#receiver.tryReceive();
  }

  drain(handler: (message: T) => void, limit?: number): number {
    return this.#receiver.drain(handler, limit);
  }

  async close(options?: WaitOptions): Promise<void> {
    try {
      await Promise.all([this.#receiver.close(), this.#sender.close(options)]);
    } finally {
      this.#closedLocally();
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return this.#receiver[Symbol.asyncIterator]() as AsyncIterator<T, undefined>;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
