import type { ByteStream } from './byte-stream.ts';
import { peerGoneError } from './errors.ts';
import type { SendPort } from './ports.ts';
import { SendHalf } from './send-half.ts';

/** A sending port over a stream. */
export interface StreamWriter extends SendPort {
  /** The stream can take bytes again. */
  onWritable(): void;
}

/** The sending half over a stream that is only written: it is over at once, not at the next write, when its reader is gone. */
export function streamSender(stream: ByteStream, writer: StreamWriter): SendHalf {
  const half = new SendHalf(writer);
  stream.onReady = (_, writable, gone = false) => {
    if (gone) half.fail(peerGoneError());
    else if (writable) writer.onWritable();
  };
  return half;
}
