/** What a test says to its peer process over `process.send`, and what it hears. */

/** A request: one of the peer's commands with its arguments. */
export interface Call {
  readonly id: number;
  readonly command: string;
  readonly args: readonly unknown[];
}

/** The answer to the call of the same id. `error` carries the code of an `IpcError`. */
export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly message: string; readonly code?: string };
}

/** Sent once, when the peer's commands can be called. */
export const READY = 'ready';

export type Command = (...args: never[]) => unknown;
