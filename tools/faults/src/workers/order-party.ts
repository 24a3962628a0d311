/** One of many who send, or receive, messages that name their sender and number; the region counts how often each was received. */
import { Region } from '@ipc/shm';
import { orderLineOf, type Inlet, type Outlet } from '../order-lines.ts';

const [role = '', line = '', name = '', sender = '', perSender = ''] = process.argv.slice(2);
const { words } = Region.open(name, { kind: 'faults' });
const { inlet, outlet } = orderLineOf(line);
const count = Number(perSender);

/** Most are small; some are not, and may go another way. */
function message(number: number): Uint8Array {
  const bytes = new Uint8Array(number % 50 === 49 ? 300 : 12);
  new Uint32Array(bytes.buffer, 0, 2).set([Number(sender), number]);
  return bytes;
}

async function send(to: Inlet): Promise<void> {
  for (let number = 0; number < count; number++) {
    const next = message(number);
    if (!to.trySend(next)) await to.send(next);
  }
  await to.close();
}

/** An empty message ends it. Word 0 counts what came out of order. */
async function receive(from: Outlet): Promise<void> {
  const last = new Map<number, number>();
  for (;;) {
    const bytes = from.tryReceive() ?? (await from.receive());
    if (bytes === undefined || bytes.length === 0) break;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const [index, number] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (number <= (last.get(index) ?? -1)) Atomics.add(words, 0, 1);
    last.set(index, number);
    Atomics.add(words, 1 + index * count + number, 1);
  }
  await from.close();
}

const work = role === 'send' ? send.bind(undefined, inlet(name)) : receive.bind(undefined, outlet(name));
process.once('message', () => {
  void work().then(() => {
    process.disconnect();
  });
});
process.send?.('ready');
