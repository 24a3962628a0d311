/** Writes into a named FIFO beside others: argv is the FIFO's name, this writer's number. */
import { openFifoReceiver, openFifoSender } from '@ipc/pipe';
import { serveCommands } from '@ipc/testkit/peer';
import type { Sender } from '@ipc/core';

const [name = '', number = '0'] = process.argv.slice(2);
let sender: Sender | undefined;

/** Message `n` of this writer: its number, n, and a length and content that follow from both. */
export function message(writer: number, n: number, bytes: number): Uint8Array {
  const content = new Uint8Array(bytes).fill(writer * 16 + n);
  new DataView(content.buffer).setUint32(0, writer);
  new DataView(content.buffer).setUint32(4, n);
  return content;
}

serveCommands({
  async open(maxMessageBytes: number, wait: boolean) {
    sender = await openFifoSender(name, { maxMessageBytes, wait });
  },
  async write(count: number, ...bytes: number[]) {
    for (let n = 0; n < count; n++)
      await sender?.send(message(Number(number), n, bytes[n % bytes.length] ?? 8));
    await sender?.flush();
  },
  flood(bytes: number) {
    void (async () => {
      for (let n = 0; ; n++) await sender?.send(message(Number(number), n, bytes));
    })().catch(() => undefined);
  },
  async receive() {
    await openFifoReceiver(name);
  },
  close: () => sender?.close(),
});
