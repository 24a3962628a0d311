/** The peer of the conformance suite: one transport, driven by the test's commands. Imports no test runner. */
import type { Channel, Listener, Transport } from '@ipc/core';
import { serveCommands } from './serve-commands.ts';

export { runQueuePeer } from './run-queue-peer.ts';
export { serveCommands } from './serve-commands.ts';

/** Serves the commands of the conformance suite over `transport`. Call it as the only statement of a worker file. */
export function runPeer(create: () => Transport): void {
  const transport = create();
  let listener: Listener | undefined;
  let channel: Channel | undefined;
  const open = (): Channel => {
    if (channel === undefined) throw new Error('the peer has no channel yet');
    return channel;
  };

  serveCommands({
    async listen(name: string) {
      listener = await transport.listen(name);
    },
    async accept() {
      channel = await listener?.accept();
    },
    async connect(name: string) {
      channel = await transport.connect(name);
    },
    /** Sends `count` messages of `length` bytes; byte i of message n is (n + i) & 255. */
    async send(count: number, length: number) {
      for (let n = 0; n < count; n++) await open().send(numbered(n, length));
      await open().flush();
    },
    /** Sends without ever stopping; only a kill ends it. */
    flood(length: number) {
      void (async () => {
        for (let n = 0; ; n++) await open().send(numbered(n, length));
      })().catch(() => undefined);
    },
    /** Receives `count` messages and checks them. */
    async receive(count: number, length: number) {
      for (let n = 0; n < count; n++) {
        const message = await open().receive();
        if (message === undefined) throw new Error(`the end came after ${n} of ${count} messages`);
        if (Buffer.compare(message, numbered(n, length)) !== 0) throw new Error(`message ${n} is damaged`);
      }
    },
    async echo() {
      for await (const message of open()) await open().send(message);
      await open().close();
    },
    /** What `receive` says at the end: nothing for a clean one, else the error's code. */
    async end() {
      const message = await open().receive();
      if (message !== undefined) throw new Error(`a message of ${message.length} bytes instead of the end`);
    },
    async close() {
      await channel?.close();
      await listener?.close();
    },
  });
}

/** Message `n` of the suite's numbered messages. */
export function numbered(n: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = n + i;
  return bytes;
}
