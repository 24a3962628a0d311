/** Sending and receiving over halves of `@ipc/shm`, blocking or on the event loop, whatever lies between them. */
import type { Receiver, Sender } from '@ipc/core';
import { party } from '../party.ts';
import { hidden } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import { message, readMessage } from './messages.ts';

/** How a party waits. */
export type Spelling = 'sync' | 'async';

/** Message `number` of party `by`. */
export interface Sent {
  readonly by: number;
  readonly number: number;
}

interface SendingPort {
  attach(events: { room(): void; fail(error: Error): void }): void;
  awaitRoom(on: boolean): void;
}

interface ReceivingPort {
  readonly end?: { readonly error?: Error };
  attach(events: { ready(): void }): void;
  pull(): Uint8Array | undefined;
  awaitMessage(on: boolean): void;
}

interface BlockingSender extends Sender {
  sendSync(message: Uint8Array): boolean;
}

interface BlockingReceiver extends Receiver {
  receiveSync(): Uint8Array | undefined;
}

/** Sends messages 0 to `count` of this party, and begins when `before` of them are sent. @param sent - Called after each. */
export function sendAll(
  sender: BlockingSender,
  count: number,
  spelling: Spelling,
  before: number,
  sent: (one: Sent) => void,
): void {
  const { index } = party();
  const port = hidden(sender, 'port') as SendingPort;
  let hasRoom = false;
  port.attach({
    room: () => (hasRoom = true),
    fail: (error) => {
      throw error;
    },
  });
  for (let number = 0; number < count; number++) {
    const settle = (): void => {
      party().settle(sender, number, loopState());
    };
    if (number === before) party().begin();
    settle();
    if (spelling === 'sync') sender.sendSync(message(index, number));
    else {
      while (!sender.trySend(message(index, number))) {
        hasRoom = false;
        port.awaitRoom(true);
        runLoop(() => hasRoom, settle);
      }
    }
    sent({ by: index, number });
  }
}

/** Receives for ever. @param got - Called with each message. */
export function receiveAll(receiver: BlockingReceiver, spelling: Spelling, got: (one: Sent) => void): never {
  const port = hidden(receiver, 'port') as ReceivingPort;
  let isReady = false;
  if (spelling === 'async') port.attach({ ready: () => (isReady = true) });
  const settle = (): void => {
    party().settle(receiver, loopState());
  };
  for (;;) {
    settle();
    if (spelling === 'sync') {
      const bytes = receiver.receiveSync();
      if (bytes === undefined) throw new Violation('woken for nothing');
      got(readMessage(bytes));
      continue;
    }
    for (let bytes = port.pull(); bytes !== undefined; bytes = port.pull()) got(readMessage(bytes));
    if (port.end !== undefined) throw port.end.error ?? new Violation('it has no end');
    isReady = false;
    port.awaitMessage(true);
    runLoop(() => isReady, settle);
  }
}
