import {
  isIpcError,
  peerGoneError,
  type Channel,
  type IpcError,
  type SendEvents,
  type SendPort,
  type Traits,
} from '@ipc/core';
import { releaseSent } from './descriptors.ts';
import { HeldMessages } from './held-messages.ts';

export interface AwayPolicy {
  /**
   * What becomes of messages sent while there is no connection: `hold` keeps up to `holdMessages` and then makes `send`
   * wait; `drop` accepts and forgets them; `fail` rejects them with ERR_IPC_PEER_GONE, and the channel goes on. What the lost
   * connection had no room for is held in any case. @default 'hold'
   */
  readonly whileAway?: 'hold' | 'drop' | 'fail' | undefined;
  /** @default 1024 */
  readonly holdMessages?: number | undefined;
}

/** What an {@link Outlet} tells. */
export interface OutletEvents {
  /** A connection in use takes nothing any more. */
  lost(): void;
  /** Nothing more will be sent. */
  released(): void;
}

/** The send port over whichever connection there is, and what is held for the next one. */
export class Outlet implements SendPort {
  readonly maxMessageBytes: number;
  /** Each connection is told that nothing more is sent. `undefined` where it could not be. */
  readonly end: (() => void) | undefined;
  readonly #policy: AwayPolicy;
  readonly #events: OutletEvents;
  /** `undefined` while there is no connection. */
  #connection: Channel | undefined;
  readonly #held = new HeldMessages();
  /** Messages given to connections, and as many of them as were received, or lost and told of. */
  #sent = 0;
  #confirmed = 0;
  /** Who wants to hear that all was received: waits behind what is held, or for the answer of the connection. */
  #asks = 0;
  #asking = 0;
  /** Nothing more is sent; the present connection, or the next, has not been told yet. */
  #hasEnded = false;
  #endOwed = false;
  /** A lost connection had messages that may not have arrived, and nobody has been told. */
  #isUntold = false;
  #flushing = false;
  /** The first that is held is on its way: it waits for room in the connection. */
  #sending = false;
  #send!: SendEvents;
  #isReleased = false;
  #isOver = false;

  constructor({ maxMessageBytes, halfClose }: Traits, policy: AwayPolicy, events: OutletEvents) {
    this.maxMessageBytes = maxMessageBytes;
    this.#policy = policy;
    this.#events = events;
    this.end = halfClose
      ? () => {
          this.#hasEnded = this.#endOwed = true;
          this.#sayEnd();
        }
      : undefined;
  }

  get pendingBytes(): number {
    return this.#held.bytes + (this.#connection?.bufferedBytes ?? 0) + Number(this.#endOwed);
  }

  attach(events: SendEvents): void {
    this.#send = events;
  }

  /** Sends by this connection until it is lost. */
  use(connection: Channel): void {
    this.#connection = connection;
    this.#endOwed = this.#hasEnded;
    this.#sendHeld();
    this.#sayEnd();
    this.#askNext();
    this.#send.room();
  }

  /** There is no connection any more. Idempotent. */
  lose(): void {
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    this.#isUntold ||= this.#sent > this.#confirmed; // or of the connection before, which has not been told yet
    this.#confirmed = this.#sent;
    if (this.#isUntold && this.#asks + this.#asking > 0) this.#tellLoss();
  }

  /** There will be none. */
  fail(error: IpcError): void {
    this.#send.fail(error);
  }

  /** Nobody sends or receives any more: nothing is reported from here on. */
  stop(): void {
    this.#isOver = true;
    this.#connection = undefined;
  }

  push(message: Uint8Array): boolean {
    if (this.#connection !== undefined && this.#held.length === 0) {
      try {
        if (this.#connection.trySend(message)) {
          this.#sent++;
          return true;
        }
        this.#held.push(message);
        this.#sendHeld();
        return true;
      } catch (error) {
        if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) throw error;
        this.#events.lost();
      }
    }
    const { whileAway = 'hold', holdMessages = 1024 } = this.#policy;
    if (this.#connection === undefined && whileAway === 'drop') {
      releaseSent(message);
      return true;
    }
    if (this.#connection === undefined && whileAway === 'fail')
      throw peerGoneError('there is no connection to the peer just now');
    if (this.#held.length >= holdMessages || this.#connection !== undefined) return false;
    this.#held.push(message);
    return true;
  }

  publish(): void {
    // the connection does
  }

  ask(): void {
    this.#asks++;
    if (this.#isUntold) this.#tellLoss();
    else this.#askNext();
  }

  /** Reports once the connection has flushed what it has. Who waits for room hears of it by `#sendHeld`. */
  awaitRoom(on: boolean): void {
    const connection = this.#connection;
    if (!on || this.#flushing || connection === undefined) return;
    if (this.#held.length > 0 || connection.bufferedBytes === 0) return;
    this.#flushing = true;
    const report = (): void => {
      this.#flushing = false;
      if (!this.#isOver) this.#send.room();
    };
    connection.flush().then(report, () => (this.#flushing = false));
  }

  finish(): void {
    // closing the connection says it
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#events.released();
  }

  /** Sends what is held, in order, each as soon as there is room. */
  #sendHeld(): void {
    const [connection, message] = [this.#connection, this.#held.peek()];
    if (this.#sending || connection === undefined || message === undefined) return;
    this.#sending = true;
    connection.send(message).then(
      () => {
        this.#sending = false;
        this.#held.shift();
        this.#sent++;
        if (this.#isOver) return;
        this.#sendHeld();
        this.#sayEnd();
        this.#askNext();
        if (this.#held.length === 0) this.#send.room();
      },
      () => {
        this.#sending = false; // it stays held
        if (this.#connection === connection) this.#events.lost();
        else this.#sendHeld();
      },
    );
  }

  /** Tells the connection that nothing follows, behind all that is held. */
  #sayEnd(): void {
    const connection = this.#connection;
    if (!this.#endOwed || connection === undefined || this.#held.length > 0) return;
    connection.end().then(
      () => {
        if (this.#connection !== connection) return; // the next one is told again
        this.#endOwed = false;
        this.#send.room();
      },
      () => {
        if (this.#connection === connection) this.#events.lost();
      },
    );
  }

  /** Asks the connection for who wants to hear that all was received, once nothing is held any more. */
  #askNext(): void {
    const [connection, asks, sent] = [this.#connection, this.#asks, this.#sent];
    if (asks === 0 || connection === undefined || this.#held.length > 0) return;
    this.#asks = 0;
    this.#asking += asks;
    connection.flush({ delivery: 'received' }).then(
      () => {
        if (this.#connection !== connection) return; // lost meanwhile, and told so
        this.#confirmed = sent;
        this.#asking -= asks;
        for (let i = 0; i < asks; i++) this.#send.received();
      },
      (error: unknown) => {
        if (this.#connection !== connection) return;
        if (!isIpcError(error, 'ERR_IPC_UNSUPPORTED')) this.#events.lost();
        else this.#rejectAsks(error);
      },
    );
  }

  #rejectAsks(error: IpcError): void {
    this.#asks = this.#asking = 0;
    this.#send.unanswered(error);
  }

  #tellLoss(): void {
    this.#isUntold = false;
    this.#rejectAsks(peerGoneError('a connection was lost, and with it perhaps messages that it had taken'));
  }
}
