/** One of many who send, or receive, messages that name their sender and number; the region counts how often each was received. */
import { SharedQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';

const [role = '', name = '', regionName = '', sender = '', perSender = ''] = process.argv.slice(2);
const { words } = Region.open(regionName, { kind: 'faults' });
const queue = SharedQueue.open(name);
const count = Number(perSender);

/** Most are small; some are not, and go another way through the queue. */
function message(number: number): Uint8Array {
  const bytes = new Uint8Array(number % 50 === 49 ? 300 : 12);
  new Uint32Array(bytes.buffer, 0, 2).set([Number(sender), number]);
  return bytes;
}

async function send(): Promise<void> {
  for (let number = 0; number < count; number++) {
    const next = message(number);
    if (!queue.trySend(next)) await queue.send(next);
  }
}

/** An empty message ends it. Word 0 counts what came out of order. */
async function receive(): Promise<void> {
  const last = new Map<number, number>();
  for (;;) {
    const { bytes } = queue.tryReceive() ?? (await queue.receive());
    if (bytes.length === 0) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const [from, number] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (number <= (last.get(from) ?? -1)) Atomics.add(words, 0, 1);
    last.set(from, number);
    Atomics.add(words, 1 + from * count + number, 1);
  }
}

process.once('message', () => {
  void (role === 'send' ? send() : receive()).then(() => {
    queue.close();
    process.disconnect();
  });
});
process.send?.('ready');
