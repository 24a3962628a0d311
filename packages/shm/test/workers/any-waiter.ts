/** Blocks for several sources at once. */
import { Consumer, LatestReader, LoanReceiver, MpscReceiver, Subscriber, waitAnySync } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

/** What is wrong with the broadcast. */
let told: (() => Promise<unknown>) | undefined;

/** By the kind of the region, in the order of the sources. */
const open = {
  broadcast: (name: string) => {
    const subscriber = Subscriber.open(name);
    told = () => subscriber.receive();
    return { source: subscriber, take: () => subscriber.tryReceive() };
  },
  mpmc: (name: string) => {
    const consumer = Consumer.open(name);
    return { source: consumer, take: () => consumer.tryReceive() };
  },
  mpsc: (name: string) => {
    const receiver = MpscReceiver.open(name);
    return { source: receiver, take: () => receiver.tryReceive() };
  },
  pool: (name: string) => {
    const receiver = LoanReceiver.open(name);
    return {
      source: receiver,
      take: () => {
        using borrowed = receiver.tryBorrow();
        return borrowed?.bytes.slice();
      },
    };
  },
  latest: (name: string) => {
    const reader = LatestReader.open(name);
    return { source: reader, take: () => reader.read() };
  },
} as const;

let opened: ReturnType<(typeof open)[keyof typeof open]>[] = [];

serveCommands({
  open(name: string, ...kinds: (keyof typeof open)[]) {
    opened = kinds.map((kind) => open[kind](name));
  },
  /** @returns Which source it was, and the first byte of what it had. */
  wait() {
    const index = waitAnySync(opened.map(({ source }) => source)) ?? -1;
    return [index, opened[index]?.take()?.[0]];
  },
  async told() {
    await told?.();
  },
});
