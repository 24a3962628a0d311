/**
 * A transport whose channels outlive their connections.
 *
 * When the peer dies, the channel dials again, with growing pauses, until it is closed or the attempts are used up. What the
 * lost connection had accepted and not delivered is lost: delivery is at most once, and the order stays.
 */
import {
  channelOf,
  fromErrno,
  isIpcError,
  peerGoneError,
  pullEach,
  type Channel,
  type End,
  type IpcError,
  type ReceiveEvents,
  type ReceivePort,
  type SendEvents,
  type SendPort,
  type Traits,
  type Transport,
  type WaitOptions,
} from '@ipc/core';
import { releaseSent } from './descriptors.ts';
import { HeldMessages } from './held-messages.ts';
import { redial, type RedialPolicy } from './redial.ts';

export interface ReconnectPolicy extends RedialPolicy {
  /**
   * What becomes of messages sent while there is no connection: `hold` keeps up to `holdMessages` and then makes `send`
   * wait; `drop` accepts and forgets them; `fail` rejects them with ERR_IPC_PEER_GONE, and the channel goes on. What the lost
   * connection had no room for is held in any case. @default 'hold'
   */
  readonly whileAway?: 'hold' | 'drop' | 'fail' | undefined;
  /** @default 1024 */
  readonly holdMessages?: number | undefined;
  /** Told of each loss, and of each new connection with `undefined`. */
  readonly onChange?: ((lost: Error | undefined) => void) | undefined;
}

/**
 * Wraps a transport: `connect` gives channels that reconnect, `listen` stays as it is.
 *
 * The first connection is not retried: a name that nobody listens on is ERR_IPC_NOT_FOUND. A clean end by the peer (C5) is
 * an end, not a loss, and who has ended its direction (C15) is not sought again when it dies. A direction that was ended here stays
 * so: each further connection is told. Pauses are drawn at random from their upper half, so that many clients do not come back at once.
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
      const link = new Link(dial, transport.traits, policy);
      const channel = channelOf(link.sendPort, link.receivePort);
      link.use(connection);
      return channel;
    },
  };
}

/** The present connection, or the search for the next one, and the two ports over it. */
class Link {
  readonly sendPort: SendPort;
  readonly receivePort: ReceivePort & { end: End | undefined; ended: boolean };
  readonly #dial: (signal: AbortSignal) => Promise<Channel>;
  readonly #policy: ReconnectPolicy;
  readonly #over = new AbortController();
  /** Where to send; `undefined` while there is no connection. */
  #sink: Channel | undefined;
  /** Where to receive: a lost connection is drained before the next one is sought. */
  #source: Channel | undefined;
  readonly #held = new HeldMessages();
  /** Messages given to connections, and as many of them as were received, or lost and told of. */
  #sent = 0;
  #confirmed = 0;
  /** Who wants to hear that all was received: waits behind what is held, or for the answer of the connection. */
  #asks = 0;
  #asking = 0;
  /** Nothing more is sent, which each connection is told; the present one, or the next, has not been yet. */
  #hasEnded = false;
  #endOwed = false;
  /** A lost connection had messages that may not have arrived, and nobody has been told. */
  #isUntold = false;
  #ahead: Uint8Array | undefined;
  #receiving = false;
  /** The connection has said that there is a message or the end; nothing has been taken since. */
  #isTold = false;
  #isWatching = false;
  #receiveWanted = false;
  #flushing = false;
  /** The first that is held is on its way: it waits for room in the connection. */
  #sending = false;
  #send!: SendEvents;
  #receive!: ReceiveEvents;
  #halves = 2;
  #senderReleased = false;
  /** Nobody receives any more: what comes is dropped, so that a peer that still flushes gets done. */
  #discarding = false;

  constructor(
    dial: (signal: AbortSignal) => Promise<Channel>,
    { maxMessageBytes, halfClose }: Traits,
    policy: ReconnectPolicy,
  ) {
    this.#dial = dial;
    this.#policy = policy;
    const pendingBytes = (): number =>
      this.#held.bytes + (this.#sink?.bufferedBytes ?? 0) + Number(this.#endOwed);
    const release = (): void => {
      this.#release();
    };
    this.sendPort = {
      maxMessageBytes,
      get pendingBytes() {
        return pendingBytes();
      },
      attach: (events) => (this.#send = events),
      push: (message) => this.#push(message),
      ask: () => {
        this.#asks++;
        if (this.#isUntold) this.#tellLoss();
        else this.#askNext();
      },
      end: halfClose
        ? () => {
            this.#hasEnded = this.#endOwed = true;
            this.#sayEnd();
          }
        : undefined,
      publish: () => undefined,
      awaitRoom: (on) => {
        if (on) this.#watchFlush();
      },
      finish: () => undefined, // closing the connection says it
      release: () => {
        if (this.#senderReleased) return;
        this.#senderReleased = true;
        release();
      },
    };
    const partialBytes = (): number => this.#source?.partialBytes ?? 0;
    this.receivePort = {
      end: undefined,
      ended: false,
      get partialBytes() {
        return partialBytes();
      },
      attach: (events) => (this.#receive = events),
      pull: () => this.#pull(),
      drain: (handler, limit) => pullEach(() => this.#pull(), handler, limit),
      awaitMessage: (on) => {
        this.#receiveWanted = on;
        if (on) this.#receiveNext();
      },
      release: () => {
        if (this.#discarding) return;
        this.#discarding = true;
        this.#ahead = undefined;
        this.#receiveNext();
        release();
      },
    };
  }

  /** Moves messages over this connection until it is lost. */
  use(connection: Channel): void {
    this.#sink = this.#source = connection;
    void connection.closed.then((error) => {
      if (error !== undefined && this.#source === connection) this.#lose();
    });
    this.#endOwed = this.#hasEnded;
    this.#sendHeld();
    this.#sayEnd();
    this.#askNext();
    this.#send.room();
    if (this.#receiveWanted || this.#discarding) this.#receiveNext();
  }

  #push(message: Uint8Array): boolean {
    if (this.#sink !== undefined && this.#held.length === 0) {
      try {
        if (this.#sink.trySend(message)) {
          this.#sent++;
          return true;
        }
        this.#held.push(message);
        this.#sendHeld();
        return true;
      } catch (error) {
        if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) throw error;
        this.#lose();
      }
    }
    const { whileAway = 'hold', holdMessages = 1024 } = this.#policy;
    if (this.#sink === undefined && whileAway === 'drop') {
      releaseSent(message);
      return true;
    }
    if (this.#sink === undefined && whileAway === 'fail')
      throw peerGoneError('there is no connection to the peer just now');
    if (this.#held.length >= holdMessages || this.#sink !== undefined) return false;
    this.#held.push(message);
    return true;
  }

  /** Sends what is held, in order, each as soon as there is room. */
  #sendHeld(): void {
    const [sink, message] = [this.#sink, this.#held.peek()];
    if (this.#sending || sink === undefined || message === undefined) return;
    this.#sending = true;
    sink.send(message).then(
      () => {
        this.#sending = false;
        this.#held.shift();
        this.#sent++;
        if (this.#over.signal.aborted) return;
        this.#sendHeld();
        this.#sayEnd();
        this.#askNext();
        if (this.#held.length === 0) this.#send.room();
      },
      () => {
        this.#sending = false; // it stays held
        if (this.#sink === sink) this.#lose();
        else this.#sendHeld();
      },
    );
  }

  /** Tells the connection that nothing follows, behind all that is held. */
  #sayEnd(): void {
    const sink = this.#sink;
    if (!this.#endOwed || sink === undefined || this.#held.length > 0) return;
    sink.end().then(
      () => {
        if (this.#sink !== sink) return; // the next one is told again
        this.#endOwed = false;
        if (!this.#over.signal.aborted) this.#send.room();
      },
      () => {
        if (this.#sink === sink) this.#lose();
      },
    );
  }

  /** Reports once the connection has flushed what it has. Who waits for room hears of it by `#sendHeld`. */
  #watchFlush(): void {
    const sink = this.#sink;
    if (this.#flushing || sink === undefined || this.#held.length > 0 || sink.bufferedBytes === 0) return;
    this.#flushing = true;
    const report = (): void => {
      this.#flushing = false;
      if (!this.#over.signal.aborted) this.#send.room();
    };
    sink.flush().then(report, () => (this.#flushing = false));
  }

  /** Asks the connection for who wants to hear that all was received, once nothing is held any more. */
  #askNext(): void {
    const [sink, asks, sent] = [this.#sink, this.#asks, this.#sent];
    if (asks === 0 || sink === undefined || this.#held.length > 0) return;
    this.#asks = 0;
    this.#asking += asks;
    sink.flush({ delivery: 'received' }).then(
      () => {
        if (this.#sink !== sink) return; // lost meanwhile, and told so
        this.#confirmed = sent;
        this.#asking -= asks;
        for (let i = 0; i < asks; i++) this.#send.received();
      },
      (error: unknown) => {
        if (this.#sink !== sink) return;
        if (!isIpcError(error, 'ERR_IPC_UNSUPPORTED')) this.#lose();
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

  #pull(): Uint8Array | undefined {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      this.#ahead = undefined;
      if (this.#sink === undefined) this.#receiveNext();
      return ahead;
    }
    const source = this.#source;
    if (this.#receiving || source === undefined) return undefined; // what comes now belongs to that receive
    const message = source.tryReceive();
    if (message === undefined) {
      if (this.#isTold) this.#receiveNow(source);
      return undefined;
    }
    this.#isTold = false;
    return message;
  }

  /** Nothing can be sent any more; what has come in is received first, and then the reason. */
  #lose(): void {
    if (this.receivePort.ended) {
      setImmediate(() => {
        this.#finish({}); // of a death, `closed` has told by then
      });
      return;
    }
    if (this.#sink !== undefined) {
      this.#sink = undefined;
      this.#isUntold ||= this.#sent > this.#confirmed; // or of the connection before, which has not been told yet
      this.#confirmed = this.#sent;
      if (this.#isUntold && this.#asks + this.#asking > 0) this.#tellLoss();
    }
    this.#receiveNext();
  }

  /** Waits for a message, which is left with the connection until somebody takes it; of a lost one, takes it. */
  #receiveNext(): void {
    const source = this.#source;
    if (this.#receiving || this.#isWatching || this.#ahead !== undefined || source === undefined) return;
    if (this.receivePort.ended) return;
    if (this.#sink === undefined) {
      this.#receiveNow(source);
      return;
    }
    this.#isWatching = true;
    const look = (): void => {
      this.#isWatching = false;
      if (source !== this.#source) return;
      this.#isTold = true;
      if (this.#sink === undefined) this.#receiveNext();
      else if (!this.#discarding) this.#receive.ready();
      else if (source.drain(() => undefined) > 0) this.#receiveNext();
      else this.#receiveNow(source);
    };
    source.ready().then(look, look);
  }

  #receiveNow(source: Channel): void {
    this.#receiving = true;
    this.#isTold = false;
    source.receive().then(
      (message) => {
        this.#receiving = false;
        if (message === undefined) {
          this.#hearEnd(source);
          return;
        }
        if (this.#discarding) {
          this.#receiveNext();
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

  /**
   * The peer sends nothing more. It may have closed, which sending tells, or receive still. When it dies it is not sought again:
   * there would be nowhere to put what another one says.
   */
  #hearEnd(source: Channel): void {
    this.receivePort.ended = true;
    void source.closed.then((error) => {
      if (error !== undefined) this.#finish({ error: fromErrno(error, 'send') });
    });
    source.flush().catch(() => {
      this.#lose();
    });
    this.#receive.ready();
  }

  async #reconnect(lost: IpcError): Promise<void> {
    const { signal } = this.#over;
    const { onChange } = this.#policy;
    onChange?.(lost);
    let connection: Channel;
    try {
      connection = await redial(this.#dial, lost, this.#policy, signal);
    } catch (error) {
      if (!signal.aborted) this.#finish({ error: fromErrno(error, 'reconnect') });
      return;
    }
    if (signal.aborted) {
      void connection.close().catch(() => undefined);
      return;
    }
    onChange?.(undefined);
    this.use(connection);
  }

  #finish(end: End): void {
    if (this.#over.signal.aborted || this.receivePort.end !== undefined) return;
    this.receivePort.end = end;
    this.#send.fail(end.error ?? peerGoneError('the peer has closed the channel'));
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
