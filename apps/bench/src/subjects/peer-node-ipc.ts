/** `node-ipc` on a unix socket: events with JSON, so messages are text. It has no backpressure. */
import { join } from 'node:path';
import type { Socket } from 'node:net';
import ipc from 'node-ipc';
import { textFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject } from '../subject.ts';
import { WindowedLink } from './windowed-link.ts';

/** A few of 64 MiB take a minute. */
const maxMessageBytes = 1 << 20;

export const subject: MessageSubject<string> = defineSubject<string>({
  kind: 'messages',
  id: 'peer.node-ipc',
  inDepth: 'chosen',
  scenarios: ['throughput', 'round-trip', 'calls'],
  followerStartedBy: 'bench',
  format: textFormat,
  async open({ role, directory }) {
    ipc.config.silent = true;
    ipc.config.retry = 5;
    const path = join(directory, 'node-ipc');
    return { link: role === 'leader' ? await serve(path) : await connect(path), maxMessageBytes };
  },
});

function serve(path: string): Promise<Link<string>> {
  return new Promise((resolve) => {
    ipc.serve(path, () => {
      ipc.server.on('connect', (socket: Socket) => {
        const link = linkOver(
          (event, value) => {
            ipc.server.emit(socket, event, value);
          },
          () => {
            ipc.server.stop();
          },
        );
        listen(ipc.server, link);
        resolve(link);
      });
    });
    ipc.server.start();
  });
}

function connect(path: string): Promise<Link<string>> {
  return new Promise((resolve) => {
    ipc.connectTo('bench', path, () => {
      const client = ipc.of.bench;
      if (client === undefined) throw new Error('node-ipc has not made its client');
      const link = linkOver(
        (event, value) => {
          client.emit(event, value);
        },
        () => {
          ipc.disconnect('bench');
        },
      );
      client.on('connect', () => {
        // Not before: an attempt that finds nobody there is a disconnection too.
        listen(client, link);
        resolve(link);
      });
    });
  });
}

function linkOver(emit: (event: string, value: unknown) => void, close: () => void): WindowedLink<string> {
  return new WindowedLink<string>({
    post(message) {
      emit('message', message);
    },
    acknowledge(cost) {
      emit('acknowledge', cost);
    },
    close,
  });
}

interface Emitter {
  on(event: string, callback: (value: unknown) => void): unknown;
}

function listen(emitter: Emitter, link: WindowedLink<string>): void {
  emitter.on('message', (message) => {
    link.arrived(message as string);
  });
  emitter.on('acknowledge', (cost) => {
    link.acknowledged(cost as number);
  });
  emitter.on('disconnect', () => {
    link.ended();
  });
}
