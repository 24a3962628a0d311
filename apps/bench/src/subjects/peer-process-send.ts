/** `process.send` of `child_process.fork`, with each of its serializations. */
import { fork, type ChildProcess, type SerializationType } from 'node:child_process';
import { once } from 'node:events';
import { Inbox } from '../inbox.ts';
import type { MessageFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject, type Session } from '../subject.ts';

export function processSend<T>(
  id: string,
  serialization: SerializationType,
  format: MessageFormat<T>,
): MessageSubject<T> {
  return defineSubject<T>({
    kind: 'messages',
    id,
    scenarios: ['throughput', 'round-trip', 'round-trip-paced', 'wake-up'],
    followerStartedBy: 'leader',
    format,
    async open(session) {
      if (session.role === 'follower') return { link: new ProcessLink<T>(process) };
      const child = start(session, serialization);
      await once(child, 'spawn');
      return { link: new ProcessLink<T>(child) };
    },
  });
}

function start(
  { followerProgram: [file, argument] }: Session,
  serialization: SerializationType,
): ChildProcess {
  return fork(file, [argument], { serialization, execArgv: [], stdio: ['ignore', 2, 2, 'ipc'] });
}

/** What both ends of `process.send` have in common. */
type Correspondent = Pick<ChildProcess, 'send' | 'disconnect' | 'connected' | 'once'> & {
  on(event: 'message', listener: (message: unknown) => void): unknown;
};

class ProcessLink<T> implements Link<T> {
  readonly #peer: Correspondent;
  readonly #inbox = new Inbox<T>();
  #pending = 0;
  #full = false;
  #resume: (() => void) | undefined;

  constructor(peer: ChildProcess | NodeJS.Process) {
    this.#peer = peer as Correspondent;
    this.#peer.on('message', (message) => {
      this.#inbox.put(message as T);
    });
    this.#peer.once('disconnect', () => {
      this.#inbox.end();
    });
  }

  /** False while the queue to the pipe is over its mark, as `process.send` itself reports it. */
  trySend(message: T): boolean {
    if (this.#full) return false;
    this.#pending++;
    this.#full = !this.#peer.send(message as string, this.#onSent);
    return true;
  }

  async send(message: T): Promise<void> {
    while (!this.trySend(message)) await new Promise<void>((resolve) => (this.#resume = resolve));
  }

  tryReceive(): T | undefined {
    return this.#inbox.tryTake();
  }

  receive(): Promise<T | undefined> {
    return this.#inbox.take();
  }

  close(): Promise<void> {
    if (this.#peer.connected) this.#peer.disconnect();
    return Promise.resolve();
  }

  readonly #onSent = (): void => {
    if (--this.#pending > 0) return;
    this.#full = false;
    this.#resume?.();
    this.#resume = undefined;
  };
}
