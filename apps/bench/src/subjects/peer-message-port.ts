/** `MessagePort` between the main thread and a worker thread: not two processes, but what many take instead. */
import { parentPort, Worker, type MessagePort } from 'node:worker_threads';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject, type Session } from '../subject.ts';
import { WindowedLink } from './windowed-link.ts';

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.message-port',
  inDepth: 'chosen',
  scenarios: ['throughput', 'round-trip', 'round-trip-paced', 'wake-up', 'calls'],
  followerStartedBy: 'leader',
  format: binaryFormat,
  open(session) {
    return Promise.resolve({ link: linkOver(session.role === 'leader' ? start(session) : toLeader()) });
  },
});

function start({ followerProgram: [file, argument] }: Session): Worker {
  return new Worker(file, { argv: [argument] });
}

function toLeader(): MessagePort {
  if (parentPort === null) throw new Error('the follower of peer.message-port runs in a worker thread');
  return parentPort;
}

function linkOver(port: Worker | MessagePort): Link<Uint8Array> {
  const link = new WindowedLink<Uint8Array>({
    post(message) {
      port.postMessage(message);
    },
    acknowledge(cost) {
      port.postMessage(cost);
    },
    close() {
      if (!(port instanceof Worker)) port.close();
    },
  });
  port.on('message', (message: Uint8Array | number) => {
    if (typeof message === 'number') link.acknowledged(message);
    else link.arrived(message);
  });
  port.on(port instanceof Worker ? 'exit' : 'close', () => {
    link.ended();
  });
  return link;
}
