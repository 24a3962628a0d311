import { MpscReceiver, MpscSender, type ConsumeOptions, type MpscOptions } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';
import { numbered, numberOf } from './numbered.ts';

let sender: MpscSender | undefined;
let receiver: MpscReceiver | undefined;

const opened = <T>(end: T | undefined): T => {
  if (end === undefined) throw new Error('not open');
  return end;
};

serveCommands({
  sender(name: string, options: MpscOptions) {
    sender = MpscSender.open(name, options);
  },
  receiver(name: string, options: ConsumeOptions) {
    receiver = MpscReceiver.open(name, options);
  },
  async send(id: number, messages: number) {
    for (let number = 0; number < messages; number++) await opened(sender).send(numbered(id, number));
  },
  sendSync(id: number, messages: number) {
    for (let number = 0; number < messages; number++) opened(sender).sendSync(numbered(id, number));
  },
  /** Sends until it is killed, some by claims. */
  flood(id: number) {
    for (let number = 0; ; number++) {
      const message = numbered(id, number);
      const claim = number % 3 === 0 ? opened(sender).tryClaim(message.length) : undefined;
      if (claim === undefined) {
        opened(sender).sendSync(message);
      } else if (number % 2 === 0) {
        claim.bytes.set(message);
        claim.commit();
      } else {
        claim.abort();
        opened(sender).sendSync(message);
      }
    }
  },
  /** Claims room and leaves it open. */
  claim(length: number) {
    opened(sender).tryClaim(length);
  },
  /** Receives until an empty message comes; from whom, and which. */
  async receiveAll() {
    const found: [number, number][] = [];
    for (;;) {
      const message = (await opened(receiver).receive()) as Uint8Array;
      if (message.length === 0) return found;
      found.push(numberOf(message));
    }
  },
  receiveAllSync() {
    const found: [number, number][] = [];
    for (;;) {
      const message = opened(receiver).receiveSync() as Uint8Array;
      if (message.length === 0) return found;
      found.push(numberOf(message));
    }
  },
  /** Receives until it is killed. */
  devour() {
    for (;;) opened(receiver).receiveSync();
  },
});
