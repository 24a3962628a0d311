/** ZeroMQ's PAIR sockets over `ipc://`, by its own Node binding. */
import { join } from 'node:path';
import { Pair } from 'zeromq';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.zeromq',
  scenarios: ['throughput', 'round-trip', 'calls'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  floor: 'socket.unix',
  async open({ role, directory }) {
    const socket = new Pair({ linger: 0 });
    const address = `ipc://${join(directory, 'zeromq')}`;
    if (role === 'leader') await socket.bind(address);
    else socket.connect(address); // it tries until the other is there
    return {
      link: {
        trySend: () => false, // the binding only has a promise
        // A copy: the binding hands the bytes to a thread of its own, and the bench changes its message in place.
        send: (message) => socket.send(message.slice()),
        tryReceive: () => undefined,
        async receive() {
          const [message] = await socket.receive();
          return message;
        },
        close() {
          socket.close();
          return Promise.resolve();
        },
      },
    };
  },
});
