import { Consumer, Producer, type ConsumeOptions, type SlotOptions } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

let producer: Producer | undefined;
let consumer: Consumer | undefined;

function message(id: number, number: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(id, number).buffer);
}

function* tags(taken: readonly Uint8Array[]): Generator<[number, number]> {
  for (const each of taken) {
    const view = new DataView(each.buffer, each.byteOffset);
    yield [view.getUint32(0, true), view.getUint32(4, true)];
  }
}

serveCommands({
  producer(name: string, options: SlotOptions) {
    producer = Producer.open(name, options);
  },
  consumer(name: string, options: ConsumeOptions) {
    consumer = Consumer.open(name, options);
  },
  async send(id: number, messages: number) {
    for (let number = 0; number < messages; number++) await producer?.send(message(id, number));
  },
  sendSync(id: number, messages: number) {
    for (let number = 0; number < messages; number++) producer?.sendSync(message(id, number));
  },
  /** Sends until it is killed. */
  flood(id: number) {
    for (let number = 0; ; number++) producer?.sendSync(message(id, number));
  },
  /** Takes until a message of id 0 comes; what it took. */
  async takeAll() {
    const taken: Uint8Array[] = [];
    for (;;) {
      const next = (await consumer?.receive()) as Uint8Array;
      if (next.every((byte) => byte === 0)) return [...tags(taken)];
      taken.push(next);
    }
  },
  takeAllSync() {
    const taken: Uint8Array[] = [];
    for (;;) {
      const next = consumer?.receiveSync() as Uint8Array;
      if (next.every((byte) => byte === 0)) return [...tags(taken)];
      taken.push(next);
    }
  },
  /** Takes until it is killed. */
  devour() {
    for (;;) consumer?.receiveSync();
  },
  async close() {
    await producer?.close();
    await consumer?.close();
  },
});
