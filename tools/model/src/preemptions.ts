/**
 * Bounds how often a party is stopped that could have gone on. To change to another is free where a party has to wait, naps or has ended,
 * and so are deaths at any step and all that the kernel does for the dead: with a bound of none, everybody still waits for
 * everybody, in every order. Most errors in concurrent programs need one or two more.
 *
 * Source: Musuvathi, Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded Programs", PLDI 2007.
 */
import type { Move } from './state.ts';

/** Whose turn it is. */
export interface Turn {
  /** Who made the last step, if it can make another one now. */
  readonly running: number | undefined;
  /** How often somebody was stopped up to here. */
  readonly preemptions: number;
}

export const firstTurn: Turn = { running: undefined, preemptions: 0 };

/** The turn in a state, as the one before it left it. */
export function turnAmong(moves: readonly Move[], { running, preemptions }: Turn): Turn {
  const goesOn = moves.some(({ by, kind }) => kind === 'step' && by === running);
  return { running: goesOn ? running : undefined, preemptions };
}

/** What a move makes of the turn of the state it is made in. */
export function turnAfter({ running, preemptions }: Turn, { by, kind }: Move): Turn {
  if (kind !== 'step' && kind !== 'patience') return { running, preemptions };
  const isStopped = running !== undefined && running !== by;
  return { running: by, preemptions: preemptions + (isStopped ? 1 : 0) };
}
