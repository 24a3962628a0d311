/**
 * A transport whose channels outlive their connections.
 *
 * When the peer dies, the channel dials again, with growing pauses, until it is closed or the attempts are used up. What the
 * lost connection had accepted and not delivered is lost: delivery is at most once, and the order stays.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  channelOf,
  Deque,
  fromErrno,
  isIpcError,
  peerGoneError,
  type Channel,
  type End,
  type IpcError,
  type ReceiveEvents,
  type ReceivePort,
  type SendEvents,
  type SendPort,
  type Transport,
  type WaitOptions,
} from '@ipc/core';

export interface ReconnectPolicy {
  /** Pause before the first attempt, in ms; each further pause is twice as long. @default 50 */
  readonly firstDelayMs?: number | undefined;
  /** @default 5000 */
  readonly longestDelayMs?: number | undefined;
  /** Attempts in a row before the channel fails with the last error. @default no limit */
  readonly attempts?: number | undefined;
  /**
   * What becomes of messages sent while there is no connection: `hold` keeps up to `holdMessages` and then makes `send`
   * wait; `drop` accepts and forgets them. @default 'hold'
   */
  readonly whileAway?: 'hold' | 'drop' | undefined;
  /** @default 1024 */
  readonly holdMessages?: number | undefined;
  /** Told of each loss, and of each new connection with `undefined`. */
  readonly onChange?: ((lost: Error | undefined) => void) | undefined;
}

/**
 * Wraps a transport: `connect` gives channels that reconnect, `listen` stays as it is.
 *
 * The first connection is not retried: a name that nobody listens on is ERR_IPC_NOT_FOUND. A clean end by the peer (C5) is
 * an end, not a loss. Pauses are drawn at random from their upper half, so that many clients do not come back at once.
 *
 * @throws {RangeError} A number of the policy out of range.
 */
export function reconnecting(transport: Transport, policy: ReconnectPolicy = {}): Transport {
  for (const [name, value] of Object.entries(policy)) {
    if (typeof value === 'number' && !(value >= 1))
      throw new RangeError(`${name} must be at least 1, got ${value}`);
  }
  return {
    id: transport.id,
    traits: transport.traits,
    listen: (name, wait) => transport.listen(name, wait),
    async connect(name, wait?: WaitOptions) {
      const connection = await transport.connect(name, wait);
      const dial = (signal: AbortSignal): Promise<Channel> => transport.connect(name, { signal });
      const link = new Link(dial, transport.traits.maxMessageBytes, policy);
      const channel = channelOf(link.sendPort, link.receivePort);
      link.use(connection);
      return channel;
    },
  };
}

/** The present connection, or the search for the next one, and the two ports over it. */
class Link {
  readonly sendPort: SendPort;
  readonly receivePort: ReceivePort & { end: End | undefined };
  readonly #dial: (signal: AbortSignal) => Promise<Channel>;
  readonly #policy: ReconnectPolicy;
  readonly #over = new AbortController();
  /** Where to send; `undefined` while there is no connection. */
  #sink: Channel | undefined;
  /** Where to receive: a lost connection is drained before the next one is sought. */
  #source: Channel | undefined;
  readonly #held = new Deque<Uint8Array>();
  #heldBytes = 0;
  #ahead: Uint8Array | undefined;
  #receiving = false;
  #receiveWanted = false;
  #roomWatched = false;
  #send!: SendEvents;
  #receive!: ReceiveEvents;
  #halves = 2;

  constructor(
    dial: (signal: AbortSignal) => Promise<Channel>,
    maxMessageBytes: number,
    policy: ReconnectPolicy,
  ) {
    this.#dial = dial;
    this.#policy = policy;
    const heldBytes = (): number => this.#heldBytes + this.#held.length;
    const release = (): void => {
      this.#release();
    };
    this.sendPort = {
      maxMessageBytes,
      get pendingBytes() {
        return heldBytes();
      },
      attach: (events) => (this.#send = events),
      push: (message) => this.#push(message),
      publish: () => undefined,
      awaitRoom: (on) => {
        if (on) this.#watchRoom();
      },
      finish: () => undefined, // closing the connection says it
      release,
    };
    this.receivePort = {
      end: undefined,
      attach: (events) => (this.#receive = events),
      pull: () => this.#pull(),
      drain: (handler, limit) => {
        let count = 0;
        for (; count < limit; count++) {
          const message = this.#pull();
          if (message === undefined) break;
          handler(message);
        }
        return count;
      },
      awaitMessage: (on) => {
        this.#receiveWanted = on;
        if (on) this.#receiveNext();
      },
      release,
    };
  }

  /** Moves messages over this connection until it is lost. */
  use(connection: Channel): void {
    this.#sink = this.#source = connection;
    void connection.closed.then((error) => {
      if (error !== undefined && this.#source === connection) this.#lose();
    });
    this.#deliverHeld();
    this.#send.room();
    if (this.#receiveWanted) this.#receiveNext();
  }

  #push(message: Uint8Array): boolean {
    if (this.#sink !== undefined && this.#held.length === 0) {
      try {
        return this.#sink.trySend(message);
      } catch (error) {
        if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) throw error;
        this.#lose();
      }
    }
    const { whileAway = 'hold', holdMessages = 1024 } = this.#policy;
    if (whileAway === 'drop' && this.#sink === undefined) return true;
    if (this.#held.length >= holdMessages) return false;
    this.#held.push(message.slice());
    this.#heldBytes += message.length;
    return true;
  }

  #deliverHeld(): void {
    try {
      for (let message = this.#held.peek(); message !== undefined; message = this.#held.peek()) {
        if (this.#sink?.trySend(message) !== true) break;
        this.#held.shift();
        this.#heldBytes -= message.length;
      }
    } catch {
      this.#lose();
    }
    if (this.#held.length > 0) this.#watchRoom();
  }

  /** Reports room once the connection has sent what it has. */
  #watchRoom(): void {
    if (this.#roomWatched || this.#sink === undefined) return;
    this.#roomWatched = true;
    const report = (): void => {
      this.#roomWatched = false;
      if (this.#over.signal.aborted) return;
      this.#deliverHeld();
      this.#send.room();
    };
    this.#sink.flush().then(report, () => (this.#roomWatched = false));
  }

  #pull(): Uint8Array | undefined {
    const message = this.#ahead;
    if (message !== undefined) {
      this.#ahead = undefined;
      if (this.#sink === undefined) this.#receiveNext();
      return message;
    }
    if (this.#receiving) return undefined; // what comes now belongs to that receive
    try {
      return this.#source?.tryReceive();
    } catch {
      this.#receiveNext();
      return undefined;
    }
  }

  /** Nothing can be sent any more; what has come in is received first, and then the reason. */
  #lose(): void {
    this.#sink = undefined;
    this.#receiveNext();
  }

  #receiveNext(): void {
    const source = this.#source;
    if (this.#receiving || this.#ahead !== undefined || source === undefined) return;
    this.#receiving = true;
    source.receive().then(
      (message) => {
        this.#receiving = false;
        if (message === undefined) {
          this.#finish({});
          return;
        }
        this.#ahead = message;
        this.#receive.ready();
      },
      (error: unknown) => {
        this.#receiving = false;
        this.#sink = this.#source = undefined;
        void source.close().catch(() => undefined);
        if (!this.#over.signal.aborted) void this.#reconnect(fromErrno(error, 'receive'));
      },
    );
  }

  async #reconnect(lost: IpcError): Promise<void> {
    const { firstDelayMs = 50, longestDelayMs = 5_000, attempts = Infinity, onChange } = this.#policy;
    const { signal } = this.#over;
    onChange?.(lost);
    let failure = lost;
    let pauseMs = firstDelayMs;
    for (let attempt = 0; attempt < attempts; attempt++, pauseMs = Math.min(2 * pauseMs, longestDelayMs)) {
      try {
        await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal });
        const connection = await this.#dial(signal);
        onChange?.(undefined);
        this.use(connection);
        return;
      } catch (error) {
        if (signal.aborted) return;
        failure = fromErrno(error, 'reconnect');
      }
    }
    const message = `the peer is gone; ${attempts} attempts to reconnect failed: ${failure.message}`;
    this.#finish({ error: peerGoneError(message, failure) });
  }

  #finish(end: End): void {
    this.receivePort.end = end;
    this.#receive.ready();
  }

  #release(): void {
    if (--this.#halves > 0) return;
    this.#over.abort();
    const connection = this.#source;
    this.#sink = this.#source = undefined;
    void connection?.close().catch(() => undefined);
  }
}
