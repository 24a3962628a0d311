/** Plain `node:net` on a unix socket, as most would write it: a length before each message, one `write` per message. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Inbox } from '../inbox.ts';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.node-net',
  scenarios: ['throughput', 'round-trip', 'round-trip-paced', 'wake-up'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  floor: 'socket.unix',
  async open({ role, directory }) {
    const path = join(directory, 'net');
    return { link: new SocketLink(role === 'leader' ? await accept(path) : await dial(path)) };
  },
});

async function accept(path: string): Promise<Socket> {
  const server = createServer();
  server.listen(path);
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  return socket;
}

/** The two start at the same time: the follower may be first. */
async function dial(path: string): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

const headerBytes = 4;

class SocketLink implements Link<Uint8Array> {
  readonly #socket: Socket;
  readonly #inbox = new Inbox<Uint8Array>();
  #full = false;
  #resume: (() => void) | undefined;
  /** Chunks of frames that have not come whole. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needed = headerBytes;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#take(chunk);
    });
    socket.on('drain', () => {
      this.#full = false;
      this.#resume?.();
      this.#resume = undefined;
    });
    socket.on('error', () => {
      this.#inbox.end();
    });
    socket.on('end', () => {
      this.#inbox.end();
    });
  }

  trySend(message: Uint8Array): boolean {
    if (this.#full) return false;
    const frame = Buffer.allocUnsafe(headerBytes + message.length);
    frame.writeUInt32LE(message.length);
    frame.set(message, headerBytes);
    this.#full = !this.#socket.write(frame);
    return true;
  }

  async send(message: Uint8Array): Promise<void> {
    while (!this.trySend(message)) await new Promise<void>((resolve) => (this.#resume = resolve));
  }

  tryReceive(): Uint8Array | undefined {
    return this.#inbox.tryTake();
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.#inbox.take();
  }

  close(): Promise<void> {
    this.#socket.end();
    return Promise.resolve();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const [first = chunk] = this.#chunks;
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#bytes);
    let offset = 0;
    this.#needed = headerBytes;
    while (bytes.length - offset >= headerBytes) {
      const end = offset + headerBytes + bytes.readUInt32LE(offset);
      if (end > bytes.length) {
        this.#needed = end - offset;
        break;
      }
      this.#inbox.put(bytes.subarray(offset + headerBytes, end));
      offset = end;
    }
    this.#chunks = offset === bytes.length ? [] : [bytes.subarray(offset)];
    this.#bytes = bytes.length - offset;
  }
}
