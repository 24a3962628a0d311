/**
 * What the bench says to the processes of a crew and hears from them: JSON lines on a unix socket.
 *
 * Nothing is said while something is measured, and nothing that is measured is used for it.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { CellRequest, Sample } from './scenario.ts';

/** From the bench to all. */
export type Order =
  | {
      readonly kind: 'run';
      readonly scenario: string;
      readonly request: CellRequest;
      /** Where each may run from now on, by index. */
      readonly cpus: readonly (readonly number[])[];
    }
  | { readonly kind: 'close' };

/** From each of them to the bench. */
export type Report = { readonly index: number } & (
  | { readonly kind: 'open'; readonly maxMessageBytes: number | null; readonly pinnedBy: string | null }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'failed'; readonly reason: string; readonly code: string | null }
);

/** One end of it, over a connected socket. */
export class Control<Out, In> {
  readonly #socket: Socket;

  /** @param onMessage - Called for each message. @param onEnd - Called once the other end is gone. */
  constructor(socket: Socket, onMessage: (message: In) => void, onEnd: () => void) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy()); // `close` follows and tells
    socket.once('close', onEnd);
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onMessage(JSON.parse(line, revive) as In);
    });
  }

  post(message: Out): void {
    this.#socket.write(`${JSON.stringify(message, replace)}\n`);
  }

  close(): void {
    this.#socket.end();
  }
}

/** The side of the measured processes. */
export async function dialControl(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

const samplesKey = 'base64Float64';

/** Samples travel as bytes: a hundred thousand of them are nothing special. */
function replace(_key: string, value: unknown): unknown {
  if (!(value instanceof Float64Array)) return value;
  return { [samplesKey]: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(samplesKey in value)) return value;
  const bytes = Uint8Array.from(Buffer.from(String(value[samplesKey]), 'base64'));
  return new Float64Array(bytes.buffer);
}
