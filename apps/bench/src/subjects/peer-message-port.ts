/** `MessagePort` between the main thread and a worker thread: not two processes, but what many take instead. */
import { parentPort, Worker, type MessagePort } from 'node:worker_threads';
import { Inbox } from '../inbox.ts';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject, type Session } from '../subject.ts';

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.message-port',
  scenarios: ['throughput', 'round-trip', 'round-trip-paced', 'wake-up'],
  followerStartedBy: 'leader',
  format: binaryFormat,
  open(session) {
    return Promise.resolve({ link: new PortLink(session.role === 'leader' ? start(session) : toLeader()) });
  },
});

function start({ followerProgram: [file, argument] }: Session): Worker {
  return new Worker(file, { argv: [argument] });
}

function toLeader(): MessagePort {
  if (parentPort === null) throw new Error('the follower of peer.message-port runs in a worker thread');
  return parentPort;
}

/** A port has no backpressure, so the link brings some: the receiver reports what it took, a quarter window at a time. */
class PortLink implements Link<Uint8Array> {
  readonly #port: Worker | MessagePort;
  readonly #inbox = new Inbox<Uint8Array>();
  #underWay = 0;
  #taken = 0;
  #resume: (() => void) | undefined;

  constructor(port: Worker | MessagePort) {
    this.#port = port;
    port.on('message', (message: Uint8Array | number) => {
      if (typeof message !== 'number') {
        this.#inbox.put(message);
        return;
      }
      this.#underWay -= message;
      this.#resume?.();
      this.#resume = undefined;
    });
    port.on(port instanceof Worker ? 'exit' : 'close', () => {
      this.#inbox.end();
    });
  }

  trySend(message: Uint8Array): boolean {
    if (this.#underWay >= windowCost) return false;
    this.#underWay += costOf(message);
    this.#port.postMessage(message);
    return true;
  }

  async send(message: Uint8Array): Promise<void> {
    while (!this.trySend(message)) await new Promise<void>((resolve) => (this.#resume = resolve));
  }

  tryReceive(): Uint8Array | undefined {
    const message = this.#inbox.tryTake();
    if (message !== undefined) this.#count(message);
    return message;
  }

  async receive(): Promise<Uint8Array | undefined> {
    const message = await this.#inbox.take();
    if (message !== undefined) this.#count(message);
    return message;
  }

  close(): Promise<void> {
    if (!(this.#port instanceof Worker)) this.#port.close();
    return Promise.resolve();
  }

  #count(message: Uint8Array): void {
    this.#taken += costOf(message);
    if (this.#taken < windowCost / 4) return;
    this.#port.postMessage(this.#taken);
    this.#taken = 0;
  }
}

/** 2000 small messages under way, or eight of 1 MiB. */
const windowCost = 8 << 20;

function costOf(message: Uint8Array): number {
  return message.length + 4096;
}
