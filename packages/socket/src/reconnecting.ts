/**
 * A transport whose channels outlive their connections.
 *
 * When the peer dies, the channel dials again, with growing pauses, until it is closed or the attempts are used up. What the
 * lost connection had accepted and not delivered is lost: delivery is at most once, and the order stays.
 */
import {
  channelOf,
  fromErrno,
  peerGoneError,
  type Channel,
  type End,
  type IpcError,
  type Traits,
  type Transport,
  type WaitOptions,
} from '@ipc/core';
import { Inlet } from './inlet.ts';
import { Outlet, type AwayPolicy } from './outlet.ts';
import { redial, type RedialPolicy } from './redial.ts';

export interface ReconnectPolicy extends RedialPolicy, AwayPolicy {
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
      const channel = channelOf(link.outlet, link.inlet);
      link.use(connection);
      return channel;
    },
  };
}

/** The present connection, or the search for the next one, under both ports. */
class Link {
  readonly outlet: Outlet;
  readonly inlet: Inlet;
  readonly #dial: (signal: AbortSignal) => Promise<Channel>;
  readonly #policy: ReconnectPolicy;
  readonly #over = new AbortController();
  #halves = 2;

  constructor(dial: (signal: AbortSignal) => Promise<Channel>, traits: Traits, policy: ReconnectPolicy) {
    this.#dial = dial;
    this.#policy = policy;
    const released = (): void => {
      if (--this.#halves === 0) this.#stop();
    };
    this.outlet = new Outlet(traits, policy, {
      lost: () => {
        this.#lose();
      },
      released,
    });
    this.inlet = new Inlet({
      lost: (error) => {
        if (!this.#over.signal.aborted) void this.#reconnect(error);
      },
      ended: (connection) => {
        this.#hearEnd(connection);
      },
      released,
    });
  }

  /** Moves messages over this connection until it is lost. */
  use(connection: Channel): void {
    void connection.closed.then((error) => {
      if (error !== undefined && this.inlet.connection === connection) this.#lose();
    });
    this.inlet.use(connection);
    this.outlet.use(connection);
  }

  /** Nothing can be sent any more; what has come in is received first, and then the reason. */
  #lose(): void {
    if (this.inlet.ended) {
      setImmediate(() => {
        this.#finish({}); // of a death, `closed` has told by then
      });
      return;
    }
    this.outlet.lose();
    this.inlet.lose();
  }

  /**
   * The peer sends nothing more. It may have closed, which sending tells, or receive still. When it dies it is not sought again:
   * there would be nowhere to put what another one says.
   */
  #hearEnd(connection: Channel): void {
    void connection.closed.then((error) => {
      if (error !== undefined) this.#finish({ error: fromErrno(error, 'send') });
    });
    connection.flush().catch(() => {
      this.#lose();
    });
  }

  async #reconnect(lost: IpcError): Promise<void> {
    const { signal } = this.#over;
    this.outlet.lose();
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
    if (this.#over.signal.aborted || this.inlet.end !== undefined) return;
    this.outlet.fail(end.error ?? peerGoneError('the peer has closed the channel'));
    this.inlet.finish(end);
  }

  #stop(): void {
    this.#over.abort();
    this.outlet.stop();
    void this.inlet
      .stop()
      ?.close()
      .catch(() => undefined);
  }
}
