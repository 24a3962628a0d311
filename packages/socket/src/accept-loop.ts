import { fromErrno, isIpcError, type IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from './let-go.ts';

/** Connections taken in one turn of the event loop, so that a flood of them does not starve the others. */
const perTurn = 64;

/** How long accepting pauses when no descriptor is left. */
const limitPauseMs = 50;

/**
 * Accepts on a listening socket until closed.
 *
 * When the process has no descriptor left, accepting pauses: those who connect wait in the backlog, lose nothing,
 * and are served once descriptors are free again. A connection that cannot be served is lost alone, with a warning.
 */
export class AcceptLoop {
  readonly #fd: number;
  readonly #onConnection: (fd: number) => void;
  readonly #onFailure: (error: IpcError) => void;
  readonly #watch: native.Watch;
  #pause: NodeJS.Timeout | undefined;
  #held = false;
  #closed = false;

  /**
   * @param fd - Listening; owned from now on. It is closed with the thread, also with one that is terminated.
   * @param onConnection - Owns the descriptor it is given, also when it throws.
   * @param onFailure - Accepting is over, for a reason that will not go away.
   */
  constructor(fd: number, onConnection: (fd: number) => void, onFailure: (error: IpcError) => void) {
    this.#fd = fd;
    this.#onConnection = onConnection;
    this.#onFailure = onFailure;
    const onReady = (): void => {
      this.#accept();
    };
    this.#watch = native.watch(fd, onReady);
    native.closeAtThreadExit(fd);
    this.#watch.update(native.READABLE);
  }

  /** Leaves connections in the backlog, or takes them again. */
  hold(on: boolean): void {
    if (on === this.#held || this.#closed) return;
    this.#held = on;
    this.#update();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#watch.close();
    letGo(this.#fd);
  }

  #update(): void {
    this.#watch.update(this.#held || this.#pause !== undefined ? 0 : native.READABLE);
  }

  #accept(): void {
    try {
      for (let i = 0; i < perTurn && !this.#closed && !this.#held; i++) {
        const fd = native.accept(this.#fd);
        if (fd === -1) return;
        native.closeAtThreadExit(fd); // who may have it is perhaps asked first
        this.#serve(fd);
      }
    } catch (error) {
      const failure = fromErrno(error, 'accept');
      if (isIpcError(failure, 'ERR_IPC_LIMIT')) this.#pauseAccepting();
      else this.#onFailure(failure);
    }
  }

  #serve(fd: number): void {
    try {
      this.#onConnection(fd);
    } catch (error) {
      process.emitWarning(fromErrno(error, 'serve a connection'));
    }
  }

  #pauseAccepting(): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#update();
    }, limitPauseMs);
    this.#update();
  }
}
