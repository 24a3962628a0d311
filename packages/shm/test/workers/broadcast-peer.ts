import { Publisher, Subscriber, type BroadcastOptions, type SubscribeOptions } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

let publisher: Publisher | undefined;
let subscriber: Subscriber | undefined;
let count = 0;

function numbered(number: number, length: number): Uint8Array {
  const message = new Uint8Array(length).fill(number);
  new DataView(message.buffer).setUint32(0, number, true);
  return message;
}

serveCommands({
  publisher(name: string, options: BroadcastOptions) {
    publisher = Publisher.open(name, options);
  },
  subscriber(name: string, options: SubscribeOptions) {
    subscriber = Subscriber.open(name, options);
  },
  /** Publishes `messages` numbered messages as fast as it can. */
  async publish(messages: number, length: number) {
    for (let number = 0; number < messages; number++) await publisher?.send(numbered(number, length));
  },
  publishSync(messages: number, length: number) {
    for (let number = 0; number < messages; number++) publisher?.sendSync(numbered(number, length));
  },
  /** Publishes until it is killed. */
  flood(length: number) {
    for (let number = 0; ; number++) publisher?.trySend(numbered(number, length));
  },
  async receive() {
    return Buffer.from((await subscriber?.receive()) as Uint8Array).toString('latin1');
  },
  receiveSync(timeoutMs: number) {
    const message = subscriber?.receiveSync({ timeoutMs });
    return message === undefined ? undefined : Buffer.from(message).toString('latin1');
  },
  /** Receives `messages` messages; what they were numbered, and how many were lapped. */
  async receiveMany(messages: number) {
    let [last, gaps] = [-1, 0];
    for (let n = 0; n < messages; n++) {
      const message = (await subscriber?.receive()) as Uint8Array;
      const number = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
      if (message.subarray(4).some((byte) => byte !== (number & 0xff))) throw new Error('torn');
      gaps += number - last - 1;
      last = number;
    }
    return { last, gaps, lapped: subscriber?.lapped };
  },
  /** Reads on and on until it is killed. */
  readOn() {
    void (async () => {
      while ((await subscriber?.receive()) !== undefined) count++;
    })();
  },
  count() {
    return count;
  },
  async close() {
    await publisher?.close();
    await subscriber?.close();
  },
});
