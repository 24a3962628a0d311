/** Remembers who took each loan, and warns when one is dropped, or left at the end, without having been given back. */
export class LoanLeaks {
  readonly #stacks = new Map<object, string>();
  readonly #what: string;
  /** Told of objects that nobody has any more. */
  readonly #dropped = new FinalizationRegistry<object>((token) => {
    this.#warn(token, 'was dropped');
  });

  constructor(what: string) {
    this.#what = what;
  }

  /** Call where the loan is taken. @returns What `ended` wants. */
  taken(loan: object): object {
    const token = {};
    const frames = new Error().stack?.split('\n').slice(1) ?? [];
    const own = folderOf(frames[0]);
    const taker = frames.findIndex((frame) => folderOf(frame) !== own);
    const at = frames.slice(Math.max(0, taker)).join('\n'); // all, where a bundler has made one file of it and its user
    this.#stacks.set(token, at);
    this.#dropped.register(loan, token, token);
    return token;
  }

  ended(token: object): void {
    this.#stacks.delete(token);
    this.#dropped.unregister(token);
  }

  close(): void {
    for (const token of [...this.#stacks.keys()]) this.#warn(token, 'was still out at close');
  }

  #warn(token: object, how: string): void {
    const stack = this.#stacks.get(token);
    this.ended(token);
    process.emitWarning(`${this.#what} ${how} without being given back; it was taken`, {
      type: 'LoanLeak',
      code: 'IPC_LOAN_LEAK',
      detail: stack ?? '',
    });
  }
}

/** Of the file a frame of a stack is in: this package's own differ from its user's, built or not. */
function folderOf(frame = ''): string {
  return frame.slice(frame.indexOf('/'), frame.lastIndexOf('/'));
}
