/** Halves as Web streams of messages. */
import { ReadableStream, WritableStream } from 'node:stream/web';
import type { Receiver, Sender } from './channel.ts';

/** One chunk per message, pulled only when asked for; cancelling closes the receiver. */
export function toReadableStream<T>(receiver: Receiver<T>): ReadableStream<T> {
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const message = await receiver.receive();
        if (message === undefined) controller.close();
        else controller.enqueue(message);
      },
      cancel: () => receiver.close(),
    },
    { highWaterMark: 0 },
  );
}

/** One message per chunk, with the sender's backpressure; closing closes the sender, aborting does not flush. */
export function toWritableStream<T>(sender: Sender<T>): WritableStream<T> {
  return new WritableStream<T>({
    write: (message) => sender.send(message),
    close: () => sender.close(),
    abort: (reason) => sender.close({ signal: AbortSignal.abort(reason) }).catch(() => undefined),
  });
}
