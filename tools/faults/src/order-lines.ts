import { SharedQueue } from '@ipc/mq';
import { Consumer, MpscReceiver, MpscSender, Producer, Publisher, Subscriber } from '@ipc/shm';

/** Where messages go in. */
export interface Inlet {
  trySend(message: Uint8Array): boolean;
  send(message: Uint8Array): Promise<void>;
  close(): Promise<void> | void;
}

/** Where they come out. */
export interface Outlet {
  tryReceive(): Uint8Array | undefined;
  receive(): Promise<Uint8Array | undefined>;
  close(): Promise<void> | void;
}

/** A structure that keeps the order of each sender's messages. */
export interface OrderLine {
  readonly receivers: number;
  /** Whether each message comes to each receiver, and not to one of them. */
  readonly toAll: boolean;
  readonly inlet: (name: string) => Inlet;
  readonly outlet: (name: string) => Outlet;
  readonly unlink?: (name: string) => void;
}

const slots = { slots: 1024, maxMessageBytes: 512, lifetime: 'while-open' } as const;
const broadcast = { ...slots, overflow: 'wait' } as const;
const ring = { capacityBytes: 1 << 18, lifetime: 'while-open' } as const;

/** By the names of their campaigns. */
export const orderLines: Readonly<Record<string, OrderLine>> = {
  'queue-order': {
    receivers: 4,
    toAll: false,
    inlet: (name) => SharedQueue.openOrCreate(name, { capacityBytes: 1 << 20 }),
    outlet(name) {
      const queue = SharedQueue.openOrCreate(name, { capacityBytes: 1 << 20 });
      return {
        tryReceive: () => queue.tryReceive()?.bytes,
        receive: async () => (await queue.receive()).bytes,
        close() {
          queue.close();
        },
      };
    },
    unlink(name) {
      SharedQueue.unlink(name);
    },
  },
  'slots-order': {
    receivers: 4,
    toAll: false,
    inlet: (name) => Producer.open(name, slots),
    outlet: (name) => Consumer.open(name, slots),
  },
  'mpsc-order': {
    receivers: 1,
    toAll: false,
    inlet: (name) => MpscSender.open(name, ring),
    outlet: (name) => MpscReceiver.open(name, ring),
  },
  'broadcast-order': {
    receivers: 4,
    toAll: true,
    inlet: (name) => Publisher.open(name, broadcast),
    outlet: (name) => Subscriber.open(name),
  },
};

export function orderLineOf(name: string): OrderLine {
  const line = orderLines[name];
  if (line === undefined) throw new TypeError(`no line "${name}"`);
  return line;
}
