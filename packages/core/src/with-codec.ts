/** Typed messages over byte halves and channels. Closing either closes both. */
import type { Channel, Receiver, Sender } from './channel.ts';
import type { Codec } from './codec.ts';
import { IpcError } from './errors.ts';
import { iterate } from './iterate.ts';
import { joinHalves } from './join.ts';

/** The same channel, speaking `T`. Malformed input rejects with ERR_IPC_CORRUPT; the message is consumed, the channel stays usable. */
export function withCodec<T>(channel: Channel, codec: Codec<T>): Channel<T> {
  return joinHalves(encodingSender(channel, codec), decodingReceiver(channel, codec), (options) =>
    channel.end(options),
  );
}

/** The same sender, taking `T`. */
export function encodingSender<T>(sender: Sender, codec: Codec<T>): Sender<T> {
  const encodeAll = (values: readonly T[], from = 0): Uint8Array[] =>
    values.slice(from).map((value) => codec.encode(value));
  return {
    closed: sender.closed,
    get bufferedBytes() {
      return sender.bufferedBytes;
    },
    send: async (value, options) => sender.send(codec.encode(value), options),
    trySend: (value) => sender.trySend(codec.encode(value)),
    sendMany: async (values, options) => sender.sendMany(encodeAll(values), options),
    trySendMany: (values, from) => sender.trySendMany(encodeAll(values, from)),
    flush: (options) => sender.flush(options),
    close: (options) => sender.close(options),
    [Symbol.asyncDispose]: () => sender.close(),
  };
}

/** The same receiver, giving `T`. */
export function decodingReceiver<T>(receiver: Receiver, codec: Codec<T>): Receiver<T> {
  const decode = (bytes: Uint8Array): T => {
    try {
      return codec.decode(bytes);
    } catch (cause) {
      throw new IpcError(
        'ERR_IPC_CORRUPT',
        `a message of ${bytes.length} bytes could not be decoded: ${String(cause)}`,
        { cause },
      );
    }
  };
  const receive: Receiver<T>['receive'] = async (options) => {
    const message = await receiver.receive(options);
    return message === undefined ? undefined : decode(message);
  };
  return {
    closed: receiver.closed,
    get partialBytes() {
      return receiver.partialBytes;
    },
    receive,
    ready: (options) => receiver.ready(options),
    tryReceive() {
      const message = receiver.tryReceive();
      return message === undefined ? undefined : decode(message);
    },
    drain: (handler, limit) =>
      receiver.drain((message) => {
        handler(decode(message));
      }, limit),
    close: (options) => receiver.close(options),
    [Symbol.asyncIterator]: () => iterate(receive),
    [Symbol.asyncDispose]: () => receiver.close(),
  };
}
