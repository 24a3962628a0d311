import { FLAG_FAIR } from './lock-layout.ts';
import type { AreaContent, LockOptions } from './open-area.ts';
import type { ParticipantInfo } from './participant.ts';

/** @see Mutex */
export interface MutexOptions extends LockOptions {
  /**
   * Called when the lock was abandoned, while it is held and before its taker gets it. If it throws, the taker gets the
   * error and the next one is asked to repair: nobody gets in unrepaired. It must not wait.
   */
  readonly repair?: (() => void) | undefined;
  /**
   * First come, first served, across processes, in the order of the calls. It costs a change of process for each acquisition
   * while somebody waits, and a stopped process whose turn it is holds up those behind it. Everybody who opens or makes the mutex
   * must agree; `open` takes it as it is. A caller that blocks its thread goes before those of the same object that wait on its event loop.
   * @default false: whoever is quickest
   */
  readonly fair?: boolean | undefined;
  /**
   * Lets this object acquire again what it holds; free after as many releases. The object is the owner: async functions
   * that share it do not exclude each other. @default false: it waits for itself
   */
  readonly recursive?: boolean | undefined;
  /** Lets others see since when this object holds the lock, and where it acquired it: for debugging, it is slow. @default false */
  readonly trace?: boolean | undefined;
}

/** Who holds a mutex. */
export interface MutexOwner extends ParticipantInfo {
  readonly alive: boolean;
  /** For how long, if it opened the mutex with `trace`. */
  readonly heldMs: number | undefined;
}

/** What is in the area of a mutex, for who makes or opens one. */
export function contentOf({ fair }: MutexOptions): AreaContent {
  return { kind: 'mutex', flags: fair === true ? FLAG_FAIR : 0, limit: 0 };
}
