import {
  fromErrno,
  pullEach,
  type Channel,
  type End,
  type IpcError,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';

/** What an {@link Inlet} tells. */
export interface InletEvents {
  /** All that had come by the connection was taken, and nothing more comes. */
  lost(error: IpcError): void;
  /** The peer of this connection sends nothing more, and may receive still. */
  ended(connection: Channel): void;
  /** Nobody receives any more. */
  released(): void;
}

/** The receive port over whichever connection there is: one that was lost is emptied before the next is sought. */
export class Inlet implements ReceivePort {
  end: End | undefined;
  ended = false;
  readonly #events: InletEvents;
  #connection: Channel | undefined;
  /** Nothing more can be sent by it: what it has is taken out at once, to hear why. */
  #isLost = false;
  #ahead: Uint8Array | undefined;
  #receiving = false;
  /** The connection has said that there is a message or the end; nothing has been taken since. */
  #isTold = false;
  #isWatching = false;
  #isWanted = false;
  #receive!: ReceiveEvents;
  /** Nobody receives any more: what comes is dropped, so that a peer that still flushes gets done. */
  #discarding = false;

  constructor(events: InletEvents) {
    this.#events = events;
  }

  /** The one messages come by; `undefined` while there is none. */
  get connection(): Channel | undefined {
    return this.#connection;
  }

  get partialBytes(): number {
    return this.#connection?.partialBytes ?? 0;
  }

  attach(events: ReceiveEvents): void {
    this.#receive = events;
  }

  /** Receives by this connection until it is lost. */
  use(connection: Channel): void {
    this.#connection = connection;
    this.#isLost = false;
    if (this.#isWanted || this.#discarding) this.#receiveNext();
  }

  /** Nothing can be sent any more; what has come in is received first, and then the reason. */
  lose(): void {
    this.#isLost = true;
    this.#receiveNext();
  }

  /** Nothing will come behind what is here. */
  finish(end: End): void {
    this.end = end;
    this.#receive.ready();
  }

  /** Nobody sends or receives any more. Returns the connection, to be closed. */
  stop(): Channel | undefined {
    const connection = this.#connection;
    this.#connection = undefined;
    return connection;
  }

  pull(): Uint8Array | undefined {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      this.#ahead = undefined;
      if (this.#isLost) this.#receiveNext();
      return ahead;
    }
    const connection = this.#connection;
    if (this.#receiving || connection === undefined) return undefined; // what comes now belongs to that receive
    const message = connection.tryReceive();
    if (message === undefined) {
      if (this.#isTold) this.#receiveNow(connection);
      return undefined;
    }
    this.#isTold = false;
    return message;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    return pullEach(() => this.pull(), handler, limit);
  }

  awaitMessage(on: boolean): void {
    this.#isWanted = on;
    if (on) this.#receiveNext();
  }

  release(): void {
    if (this.#discarding) return;
    this.#discarding = true;
    this.#ahead = undefined;
    this.#receiveNext();
    this.#events.released();
  }

  /** Waits for a message, which is left with the connection until somebody takes it; of a lost one, takes it. */
  #receiveNext(): void {
    const connection = this.#connection;
    if (this.#receiving || this.#isWatching || this.#ahead !== undefined || connection === undefined) return;
    if (this.ended) return;
    if (this.#isLost) {
      this.#receiveNow(connection);
      return;
    }
    this.#isWatching = true;
    const look = (): void => {
      this.#isWatching = false;
      if (connection !== this.#connection) return;
      this.#isTold = true;
      if (this.#isLost) this.#receiveNext();
      else if (!this.#discarding) this.#receive.ready();
      else if (connection.drain(() => undefined) > 0) this.#receiveNext();
      else this.#receiveNow(connection);
    };
    connection.ready().then(look, look);
  }

  #receiveNow(connection: Channel): void {
    this.#receiving = true;
    this.#isTold = false;
    connection.receive().then(
      (message) => {
        this.#receiving = false;
        if (message === undefined) {
          this.ended = true;
          this.#events.ended(connection);
          this.#receive.ready();
        } else if (this.#discarding) {
          this.#receiveNext();
        } else {
          this.#ahead = message;
          this.#receive.ready();
        }
      },
      (error: unknown) => {
        this.#receiving = false;
        this.#connection = undefined;
        void connection.close().catch(() => undefined);
        this.#events.lost(fromErrno(error, 'receive'));
      },
    );
  }
}
