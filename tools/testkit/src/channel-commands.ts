/** What the conformance suite has a peer do with its channel. Imports no test runner. */
import type { Channel } from '@ipc/core';
import type { Command } from './peer-protocol.ts';

export function channelCommands(channel: () => Channel): Readonly<Record<string, Command>> {
  return {
    /** Sends `count` messages of `length` bytes; byte i of message n is (n + i) & 255. */
    async send(count: number, length: number) {
      for (let n = 0; n < count; n++) await channel().send(numbered(n, length));
      await channel().flush();
    },
    /** Sends without ever stopping; only a kill ends it. */
    flood(length: number) {
      void (async () => {
        for (let n = 0; ; n++) await channel().send(numbered(n, length));
      })().catch(() => undefined);
    },
    /** Receives `count` messages and checks them. */
    async receive(count: number, length: number) {
      for (let n = 0; n < count; n++) {
        const message = await channel().receive();
        if (message === undefined) throw new Error(`the end came after ${n} of ${count} messages`);
        if (Buffer.compare(message, numbered(n, length)) !== 0) throw new Error(`message ${n} is damaged`);
      }
    },
    async echo() {
      for await (const message of channel()) await channel().send(message);
      await channel().close();
    },
    /** Ends its direction and goes on receiving. */
    async endSending() {
      await channel().end();
    },
    /** What `receive` says at the end: nothing for a clean one, else the error's code. */
    async end() {
      const message = await channel().receive();
      if (message !== undefined) throw new Error(`a message of ${message.length} bytes instead of the end`);
    },
  };
}

/** Message `n` of the suite's numbered messages. */
export function numbered(n: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = n + i;
  return bytes;
}
