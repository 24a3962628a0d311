/** Between a test and its peer: calls one way, replies the other. */
import type { ChildProcess } from 'node:child_process';
import type { Channel } from '@ipc/core';

/** One end. What is sent is as JSON can carry it. */
export interface PeerLink {
  send(value: unknown): void;
  /** Called once. */
  onMessage(handler: (value: unknown) => void): void;
  /** Lets go of the other end, so that the process can end by itself. What was sent still leaves. */
  end(): void;
}

/** To a child that was forked. */
export function linkToChild(child: ChildProcess): PeerLink {
  return {
    send: (value) => child.send(value as object, () => undefined), // a peer that was killed: its end tells the caller
    onMessage: (handler) => child.on('message', handler),
    end: () => {
      child.disconnect();
    },
  };
}

/** To the process that forked this one. */
export const linkToParent: PeerLink = {
  send: (value) => process.send?.(value),
  onMessage: (handler) => process.on('message', handler),
  end: () => {
    process.disconnect();
  },
};

/** Over a channel of its own, for a peer that was started otherwise. */
export function linkOver(channel: Channel): PeerLink {
  const quietly = (promise: Promise<unknown>): void => void promise.catch(() => undefined);
  return {
    send: (value) => {
      quietly(channel.send(new TextEncoder().encode(JSON.stringify(value))));
    },
    onMessage: (handler) => {
      quietly(
        (async () => {
          for await (const message of channel) handler(JSON.parse(new TextDecoder().decode(message)));
        })(),
      );
    },
    end: () => {
      quietly(channel.close());
    },
  };
}
