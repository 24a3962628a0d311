/** Mechanisms that carry messages one way, as links: what they cannot do throws. */
import type { Receiver, Sender } from '@ipc/core';
import type { Link } from '../subject.ts';

export function senderLink(sender: Sender): Link<Uint8Array> {
  return {
    trySend: (message) => sender.trySend(message),
    send: (message) => sender.send(message),
    tryReceive: wrongWay,
    receive: wrongWay,
    close: () => sender.close(),
  };
}

export function receiverLink(receiver: Receiver): Link<Uint8Array> {
  return {
    trySend: wrongWay,
    send: wrongWay,
    tryReceive: () => receiver.tryReceive(),
    receive: () => receiver.receive(),
    close: () => receiver.close(),
  };
}

export function wrongWay(): never {
  throw new TypeError('this end does not carry messages that way');
}
