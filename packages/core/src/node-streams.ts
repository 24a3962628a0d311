/** Halves and channels as Node streams of messages, and Node byte streams as channels. */
import { Duplex, Readable, Writable } from 'node:stream';
import type { Channel, Receiver, Sender } from './channel.ts';
import { isIpcError } from './errors.ts';
import { frameChannel, type FrameOptions } from './frame-channel.ts';
import { NodeByteStream } from './node-byte-stream.ts';

/** A channel of frames over any Node byte stream (socket, TLS, stdio pair), which it owns from now on. */
export function channelFromDuplex(stream: Duplex, options?: FrameOptions): Channel {
  return frameChannel(new NodeByteStream(stream), options);
}

/** A `Readable` in object mode that yields one chunk per message and ends at the clean end. Destroying it closes the receiver. */
export function toReadable<T>(receiver: Receiver<T>): Readable {
  return new Readable({ objectMode: true, highWaterMark: 1, ...readableMethods(receiver) });
}

/** A `Writable` in object mode that sends one message per chunk. Ending it closes the sender. */
export function toWritable<T>(sender: Sender<T>): Writable {
  return new Writable({ objectMode: true, highWaterMark: 1, ...writableMethods(sender) });
}

/**
 * A `Duplex` in object mode over a channel. Ending the writable side ends that direction of the channel, where it can, and leaves the
 * readable one; destroying it closes the channel.
 */
export function toDuplex<T>(channel: Channel<T>): Duplex {
  return new Duplex({
    objectMode: true,
    highWaterMark: 1,
    ...readableMethods(channel),
    write: writableMethods(channel).write,
    final(done) {
      settle(endOrFlush(channel), done);
    },
  });
}

/** Where the peer cannot be told that nothing follows, it learns that from the close. */
async function endOrFlush<T>(channel: Channel<T>): Promise<void> {
  try {
    await channel.end();
  } catch (error) {
    if (!isIpcError(error, 'ERR_IPC_UNSUPPORTED')) throw error;
    await channel.flush();
  }
}

type Done = (error?: Error | null) => void;

function readableMethods<T>(receiver: Receiver<T>): {
  read: (this: Readable) => void;
  destroy: (this: unknown, error: Error | null, done: Done) => void;
} {
  return {
    read() {
      receiver.receive().then(
        (message) => this.push(message ?? null),
        (error: unknown) => this.destroy(error as Error),
      );
    },
    destroy(error, done) {
      settle(receiver.close(), (failure) => {
        done(error ?? failure);
      });
    },
  };
}

function writableMethods<T>(sender: Sender<T>): {
  write: (message: T, encoding: unknown, done: Done) => void;
  final: (done: Done) => void;
  destroy: (error: Error | null, done: Done) => void;
} {
  return {
    write(message, _encoding, done) {
      settle(sender.send(message), done);
    },
    final(done) {
      settle(sender.close(), done);
    },
    destroy(error, done) {
      // An error means giving up: what is still queued is not worth waiting for.
      const close = error === null ? sender.close() : sender.close({ signal: AbortSignal.abort(error) });
      close.then(
        () => {
          done(error);
        },
        () => {
          done(error);
        },
      );
    },
  };
}

function settle(promise: Promise<unknown>, done: Done): void {
  promise.then(
    () => {
      done();
    },
    (error: unknown) => {
      done(error as Error);
    },
  );
}
