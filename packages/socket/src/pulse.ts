import {
  closedError,
  fromErrno,
  IpcError,
  isIpcError,
  Owed,
  peerGoneError,
  pullEach,
  type Channel,
  type End,
  type ReceiveEvents,
  type ReceivePort,
  type SendEvents,
  type SendPort,
} from '@ipc/core';
import { ASK, BEAT, END, escapeMessage, isSignal, RECEIPT, unescapeMessage } from './beat.ts';
import { moveDescriptors } from './descriptors.ts';
import { Silence } from './silence.ts';

/** As of `HeartbeatOptions`. */
type Times = Readonly<Record<'intervalMs' | 'timeoutMs' | 'idleMs', number>>;

/** The two ports over a channel with beats in it. */
export class Pulse implements SendPort {
  readonly maxMessageBytes: number;
  readonly receivePort: ReceivePort & { end: End | undefined; ended: boolean };
  readonly #channel: Channel;
  readonly #times: Times;
  readonly #timer: NodeJS.Timeout;
  #ahead: Uint8Array | undefined;
  #receiving = false;
  #flushing = false;
  readonly #owed = new Owed(ASK, RECEIPT);
  /** The peer is still to be told that no message follows. */
  #endOwed = false;
  /** The message that waits for room in the channel. */
  #waiting: Uint8Array | undefined;
  /** Of anything sent, of a message either way. */
  #sentMs = performance.now();
  #usedMs = performance.now();
  readonly #silence: Silence;
  #send!: SendEvents;
  #receive!: ReceiveEvents;
  #halves = 2;
  /** Nobody receives any more: what comes is dropped, so that a peer that still flushes gets done. */
  #discarding = false;
  #failed = false;
  #senderReleased = false;

  constructor(channel: Channel, maxMessageBytes: number, times: Times) {
    this.#channel = channel;
    this.maxMessageBytes = maxMessageBytes;
    this.#times = times;
    this.#silence = new Silence(times.timeoutMs, times.intervalMs);
    this.receivePort = {
      end: undefined,
      ended: false,
      get partialBytes() {
        return channel.partialBytes;
      },
      attach: (events) => (this.#receive = events),
      pull: () => this.#pull(),
      drain: (handler, limit) => pullEach(() => this.#pull(), handler, limit),
      awaitMessage: (on) => {
        if (on) this.#receiveNext();
      },
      release: () => {
        if (this.#discarding) return;
        this.#discard();
        this.#releaseHalf();
      },
    };
    this.#timer = setInterval(
      () => {
        this.#tick();
      },
      Math.min(times.intervalMs, times.idleMs) / 2,
    ).unref();
    setImmediate(() => {
      this.#receiveNext();
    });
  }

  get pendingBytes(): number {
    return this.#halves === 0 ? 0 : this.#channel.bufferedBytes + this.#owed.count + Number(this.#endOwed);
  }

  attach(events: SendEvents): void {
    this.#send = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#waiting !== undefined || this.#halves === 0) return false;
    const escaped = escapeMessage(message);
    if (!this.#trySend(escaped)) {
      if (this.receivePort.end !== undefined || this.#failed) return false;
      this.#sendLater(moveDescriptors(escaped, escaped.slice()));
    }
    this.#usedMs = performance.now();
    return true;
  }

  publish(): void {
    // the channel does
  }

  ask(): void {
    this.#owed.addAsk();
    this.#sendOwed();
  }

  /** Among the messages: the channel itself stays whole, for the beats of this side. */
  end(): void {
    this.#endOwed = true;
    this.#sendOwed();
  }

  awaitRoom(on: boolean): void {
    // Who waits to send hears of it when what waits here has been sent; who flushes, when the channel has flushed.
    if (!on || this.#flushing || this.#waiting !== undefined || this.pendingBytes === 0) return;
    this.#flushing = true;
    const report = (): void => {
      this.#flushing = false;
      if (this.#halves > 0) this.#send.room();
    };
    this.#channel.flush().then(report, (error: unknown) => {
      this.#fail(error);
    });
  }

  finish(): void {
    // closing the channel says it
  }

  release(): void {
    if (this.#senderReleased) return;
    this.#senderReleased = true;
    this.#releaseHalf();
  }

  #releaseHalf(): void {
    if (--this.#halves === 0) this.#close();
  }

  #trySend(message: Uint8Array): boolean {
    try {
      if (!this.#channel.trySend(message)) return false;
      this.#sentMs = performance.now();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  readonly #onSent = (): void => {
    this.#waiting = undefined;
    this.#sentMs = performance.now();
    this.#sendOwed();
    if (this.#halves > 0) this.#send.room();
  };

  /** A message that is nobody else's, once there is room. */
  #sendLater(message: Uint8Array): void {
    this.#waiting = message;
    this.#channel.send(message).then(this.#onSent, (error: unknown) => {
      this.#fail(error);
    });
  }

  #sendOwed(): void {
    this.#owed.pay((control) => this.#sendControl(control));
    if (this.#endOwed) this.#endOwed = !this.#sendControl(END);
  }

  /** False while something else waits for room, or when nothing can be sent any more. */
  #sendControl(control: Uint8Array): boolean {
    if (this.#waiting !== undefined || this.#failed || this.#halves === 0) return false;
    if (this.receivePort.end !== undefined) return false;
    if (!this.#trySend(control)) this.#sendLater(control);
    return true;
  }

  #fail(error: unknown): void {
    this.#failed = true;
    if (this.#halves > 0) this.#send.fail(fromErrno(error, 'send'));
  }

  #pull(): Uint8Array | undefined {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      this.#ahead = undefined;
      setImmediate(this.#listen); // what is asked behind it is answered, though nobody asks for the next message
      return ahead;
    }
    if (this.#receiving) return undefined; // what comes now belongs to that receive
    try {
      for (
        let message = this.#channel.tryReceive();
        message !== undefined;
        message = this.#channel.tryReceive()
      ) {
        const taken = this.#hear(message);
        if (taken !== undefined) return taken;
      }
    } catch {
      // the receive below tells why
    }
    this.#receiveNext();
    return undefined;
  }

  #discard(): void {
    this.#discarding = true;
    this.#ahead = undefined;
    this.#receiveNext();
  }

  readonly #listen = (): void => {
    this.#receiveNext();
  };

  /** A message, or `undefined` for what is none. Everything before it has been taken. */
  #hear(message: Uint8Array): Uint8Array | undefined {
    this.#silence.end();
    const taken = unescapeMessage(message);
    if (!isSignal(taken) || taken === END) this.#usedMs = performance.now();
    if (this.receivePort.ended && (!isSignal(taken) || taken === END)) {
      this.#give(new IpcError('ERR_IPC_CORRUPT', 'the peer sent something behind the end of its messages'));
      return undefined;
    }
    if (!isSignal(taken)) return taken;
    if (taken === RECEIPT) this.#send.received();
    if (taken === END) {
      this.receivePort.ended = true;
      this.#receive.ready();
    }
    if (taken === ASK && !this.#discarding) {
      this.#owed.addReceipt();
      this.#sendOwed();
    }
    return undefined;
  }

  /** Waits for the next thing to come, also while nobody receives: that is how beats are heard. */
  #receiveNext(): void {
    if (this.#receiving || this.#ahead !== undefined || this.#halves === 0) return;
    if (this.receivePort.end !== undefined) return;
    this.#receiving = true;
    this.#channel.receive().then(
      (message) => {
        this.#receiving = false;
        if (message === undefined) {
          this.#end({});
          return;
        }
        const taken = this.#hear(message);
        if (!this.#discarding) this.#ahead = taken;
        if (this.#ahead === undefined) this.#receiveNext();
        else this.#receive.ready();
      },
      (error: unknown) => {
        this.#receiving = false;
        if (!isIpcError(error, 'ERR_IPC_CLOSED')) this.#end({ error: fromErrno(error, 'receive') });
      },
    );
  }

  #tick(): void {
    const { intervalMs, idleMs } = this.#times;
    const nowMs = performance.now();
    if (nowMs - this.#usedMs >= idleMs) {
      this.#give(closedError(`channel, unused for ${idleMs} ms,`));
      return;
    }
    if (nowMs - this.#sentMs >= intervalMs / 2) this.#trySend(BEAT); // false: the peer has enough to read
    this.#receiveNext();
    // Timers run before what has come is read, so after a blocked thread nothing is late yet.
    if (this.#isLate()) setImmediate(() => setImmediate(this.#giveUp));
  }

  #isLate(): boolean {
    this.#silence.look(this.#channel.partialBytes, this.#receiving);
    return this.#receiving && this.#silence.isTooLong;
  }

  readonly #giveUp = (): void => {
    if (this.#isLate())
      this.#give(peerGoneError(`the peer is gone: nothing has come for ${this.#times.timeoutMs} ms`));
  };

  /** Ends both directions for a reason of our own. */
  #give(error: IpcError): void {
    this.#end({ error });
    this.#close();
  }

  #end(end: End): void {
    if (this.receivePort.end !== undefined) return;
    this.receivePort.end = end;
    clearInterval(this.#timer);
    this.#send.fail(end.error ?? peerGoneError('the peer has closed the channel')); // also when nobody receives any more
    this.#receive.ready();
  }

  #close(): void {
    clearInterval(this.#timer);
    // What could not be flushed by now was given up.
    const signal = this.#channel.bufferedBytes > 0 ? AbortSignal.abort() : undefined;
    void this.#channel.close({ signal }).catch(() => undefined);
  }
}
