import {
  Consumer,
  LoanPublisher,
  LoanReceiver,
  MpscReceiver,
  MpscSender,
  Producer,
  Publisher,
  Subscriber,
  type Borrowed,
  type Loan,
} from '@ipc/shm';

/** Where messages go in, by a call that returns at once, on the event loop, and blocking the thread. */
export interface KillInlet {
  trySend(message: Uint8Array): boolean;
  send(message: Uint8Array, options: { readonly signal: AbortSignal }): Promise<void>;
  sendSync(message: Uint8Array, options: { readonly timeoutMs: number }): boolean;
}

/** Where they come out. */
export interface KillOutlet {
  tryReceive(): Uint8Array | undefined;
  receive(): Promise<Uint8Array | undefined>;
  receiveSync(options: { readonly timeoutMs: number }): Uint8Array | undefined;
}

/** A structure whose parties may be killed at any moment: small, so that somebody always waits. */
export interface KillLine {
  readonly senders: number;
  readonly receivers: number;
  /** Whether each message comes to each receiver, and not to one of them. */
  readonly toAll: boolean;
  /** What a killed receiver was taking another gets, out of its order. @default false */
  readonly givesAgain?: true;
  readonly inlet: (name: string) => KillInlet;
  /** After the first sender. */
  readonly outlet: (name: string) => KillOutlet;
}

const slots = { slots: 16, maxMessageBytes: 12_000, participants: 16, lifetime: 'while-open' } as const;
const broadcast = { ...slots, overflow: 'wait' } as const;
const ring = { capacityBytes: 1 << 17, participants: 16, lifetime: 'while-open' } as const;
const pool = { chunks: 8, chunkBytes: 12_000, lifetime: 'while-open' } as const;

/** By the names of their campaigns. */
export const killLines: Readonly<Record<string, KillLine>> = {
  'slots-kill': {
    senders: 2,
    receivers: 2,
    toAll: false,
    givesAgain: true,
    inlet: (name) => Producer.open(name, slots),
    outlet: (name) => Consumer.open(name),
  },
  'mpsc-kill': {
    senders: 3,
    receivers: 1,
    toAll: false,
    inlet: (name) => MpscSender.open(name, ring),
    outlet: (name) => MpscReceiver.open(name),
  },
  'broadcast-kill': {
    senders: 2,
    receivers: 2,
    toAll: true,
    inlet: (name) => Publisher.open(name, broadcast),
    outlet: (name) => Subscriber.open(name),
  },
  'loans-kill': {
    senders: 1,
    receivers: 3,
    toAll: true,
    inlet: loanInlet,
    outlet: loanOutlet,
  },
};

export function killLineOf(name: string): KillLine {
  const line = killLines[name];
  if (line === undefined) throw new TypeError(`no line "${name}"`);
  return line;
}

function loanInlet(name: string): KillInlet {
  const publisher = LoanPublisher.open(name, pool);
  const publish = (loan: Loan | undefined, message: Uint8Array): boolean => {
    loan?.bytes.set(message);
    loan?.publish(message.length);
    return loan !== undefined;
  };
  return {
    trySend: (message) => publish(publisher.tryLoan(), message),
    sendSync: (message, options) => publish(publisher.loanSync(options), message),
    async send(message, options) {
      publish(await publisher.loan(options), message);
    },
  };
}

function loanOutlet(name: string): KillOutlet {
  const receiver = LoanReceiver.open(name);
  const copy = (borrowed: Borrowed | undefined): Uint8Array | undefined => {
    const message = borrowed?.bytes.slice();
    borrowed?.release();
    return message;
  };
  return {
    tryReceive: () => copy(receiver.tryBorrow()),
    receiveSync: (options) => copy(receiver.borrowSync(options)),
    receive: async () => copy(await receiver.borrow()),
  };
}
