/**
 * What a party remembers of its past: for each function it is in, what came of the calls and steps it has made there so far, or
 * since a loop in it began anew; and the objects behind them, as they are now. Two histories that left the same lead to the same.
 *
 * A function that has returned has left its result and what it changed, nothing else. That leaves out variables that keep what
 * an object was before the function's own later calls changed it: the shipped source has none that matter, and the test
 * that compares with whole histories would show them.
 */
import { textOfState } from './local-state.ts';

interface Frame {
  /** What calls and steps came to, in order. */
  items: unknown[];
}

export class Frames {
  #open: Frame[] = [];
  readonly #modules: readonly (() => unknown)[];
  #roots: readonly unknown[] | undefined;

  readonly #around: () => unknown;

  /**
   * @param modules - Their variables.
   * @param around - The state of what runs the program; undefined while that cannot be told.
   */
  constructor(modules: readonly (() => unknown)[], around: () => unknown) {
    this.#modules = modules;
    this.#around = around;
  }

  /** From here on only these objects matter, as they will be. */
  settle(roots: readonly unknown[]): void {
    this.#roots = roots;
    this.#open = [{ items: [] }];
  }

  add(item: unknown): void {
    this.#open.at(-1)?.items.push(item);
  }

  call<Value>(body: () => Value): Value {
    const depth = this.#open.length;
    if (depth === 0) return body();
    const frame = this.#open[depth - 1] as Frame;
    this.#open.push({ items: [] });
    const leave = (item: unknown): void => {
      if (this.#open[depth - 1] !== frame) return; // settled inside
      this.#open.length = depth;
      frame.items.push(item);
    };
    try {
      const value = body();
      leave(value);
      return value;
    } catch (error) {
      leave(String(error));
      throw error;
    }
  }

  /** A loop begins anew. */
  loop(locals: () => unknown): void {
    const frame = this.#open.at(-1);
    if (frame !== undefined && this.#open.length > 1) frame.items = [locals()];
  }

  /** All of it, for comparing; undefined when it cannot be told. */
  text(): string | undefined {
    const around = this.#around();
    if (this.#roots === undefined || around === undefined) return undefined;
    const frames = this.#open.map(({ items }) => items);
    return textOfState([frames, this.#roots, this.#modules.map((variables) => variables()), around]);
  }
}
