/** The peer of `queueConformance`: one engine, driven by the test's commands. Imports no test runner. */
import type { TestedQueue } from './queue-conformance.ts';
import { serveCommands } from './serve-commands.ts';

/** Byte i of a message is i * 31 + 1 + (i >>> 8) * 7, as `pattern(length)`. */
const floodMessage = Uint8Array.from({ length: 200 }, (_, i) => i * 31 + 1 + (i >>> 8) * 7);

/** Serves the commands of the suite over an engine. Call it as the only statement of a worker file. */
export function runQueuePeer(open: (name: string) => TestedQueue): void {
  let queue: TestedQueue | undefined;
  const opened = (): TestedQueue => {
    if (queue === undefined) throw new Error('the peer has no queue yet');
    return queue;
  };
  const encode = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
  const decode = (bytes: Uint8Array): number =>
    new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

  serveCommands({
    open(name: string) {
      queue = open(name);
    },
    /** Sends the numbers from `first` on. */
    async send(first: number, count: number) {
      for (let n = first; n < first + count; n++) await opened().send(encode(n));
    },
    sendSync(n: number) {
      opened().sendSync(encode(n));
    },
    async receive(count: number) {
      const numbers: number[] = [];
      for (let i = 0; i < count; i++) numbers.push(decode((await opened().receive()).bytes));
      return numbers;
    },
    receiveSync(count: number) {
      return Array.from({ length: count }, () => decode(opened().receiveSync()?.bytes ?? new Uint8Array(4)));
    },
    /** Sends without ever stopping; only a kill ends it. */
    flood() {
      void (async () => {
        for (;;) await opened().send(floodMessage);
      })();
    },
    /** Receives without ever stopping; only a kill ends it. */
    swallow() {
      void (async () => {
        for (;;) await opened().receive();
      })();
    },
    /** The queue is full. */
    async abortedSend() {
      await opened()
        .send(floodMessage, { signal: AbortSignal.timeout(10) })
        .catch(() => undefined);
    },
    async abortedReceive() {
      await opened()
        .receive({ signal: AbortSignal.timeout(10) })
        .catch(() => undefined);
    },
  });
}
