import type { IpcError } from '@ipc/core';
import { CutShort } from './cut-short.ts';
import { Participant } from './participant.ts';
import type { Region } from './region.ts';
import { raiseHint } from './sleepers.ts';

/**
 * The sleep of one end of a structure with participants: on the event loop, or of the whole thread.
 *
 * Announce, then look: whoever changes something either is seen by that look, or sees the announcement and rings. Every
 * ring takes the announcement back, so it is renewed before each further look.
 */
export class SlotSleep {
  readonly #words: Int32Array;
  readonly #cutShort: CutShort;
  readonly #hint: number;
  readonly #participant: Participant;
  readonly #isReady: () => boolean;
  readonly #need: () => number;
  #onReady: (() => void) | undefined;

  /**
   * @param region - Where the words are that it sleeps on.
   * @param hint - The word that says that somebody of this role may sleep.
   * @param isReady - Whether there is no reason to sleep any more. Must not throw.
   * @param need - What to write into the own line before each look.
   */
  constructor(
    region: Region,
    hint: number,
    participant: Participant,
    isReady: () => boolean,
    need: () => number = () => 0,
  ) {
    this.#words = region.words;
    this.#cutShort = new CutShort(region);
    this.#hint = hint;
    this.#participant = participant;
    this.#isReady = isReady;
    this.#need = need;
  }

  /** Why it does not sleep, though nothing is ready: the region was cut short, ERR_IPC_CORRUPT. */
  get damage(): IpcError | undefined {
    return this.#cutShort.error;
  }

  /** Calls `onReady` once, in a later turn; keeps the process alive until then. */
  start(onReady: () => void): void {
    if (this.#onReady !== undefined) return;
    this.#onReady = onReady;
    this.#participant.listen(() => {
      this.#look();
    });
    setImmediate(() => {
      this.#look();
    });
    this.#announce(this.#need());
  }

  stop(): void {
    if (this.#onReady === undefined) return;
    this.#onReady = undefined;
    this.#participant.withdraw();
    this.#participant.stopListening();
  }

  /** Blocks this thread; false when the time is over first. -1 is for ever. */
  block(timeoutMs: number): boolean {
    return SlotSleep.blockAny([this], timeoutMs) === this;
  }

  /**
   * Blocks this thread until one of several has no reason to sleep any more, which is returned; `undefined` when the time is over first.
   *
   * All have announced before any bell is waited for, and a bell that was rung stays readable until then: what changes in one while
   * another is looked at is not lost.
   */
  static blockAny(sleeps: readonly SlotSleep[], timeoutMs: number): SlotSleep | undefined {
    const deadline = performance.now() + timeoutMs;
    const participants = sleeps.map((sleep) => sleep.#participant);
    try {
      for (;;) {
        const ready = sleeps.find((sleep) => sleep.#announceAndLook());
        if (ready !== undefined) return ready;
        const left = timeoutMs < 0 ? -1 : deadline - performance.now();
        if (timeoutMs >= 0 && left <= 0) return undefined;
        const limit = sleeps.reduce((limitMs, sleep) => sleep.#cutShort.limit(limitMs), left);
        Participant.block(participants, limit);
      }
    } finally {
      for (const sleep of sleeps) sleep.#getUp();
    }
  }

  /** On the event loop, somebody may still sleep: its bell has been silenced meanwhile. */
  #getUp(): void {
    if (this.#onReady === undefined) this.#participant.withdraw();
    else setImmediate(() => {
      this.#look();
    }); // prettier-ignore
  }

  /** The need must be that of the look: had it grown in between, its time could have passed, and nobody would ring. */
  #announceAndLook(): boolean {
    for (let need = this.#need(); ; need = this.#need()) {
      this.#announce(need);
      // In this order: what was cut off reads as zeros, which may look like room.
      if (this.#cutShort.look() || this.#isReady()) return true;
      if (this.#need() === need) return false;
    }
  }

  #announce(need: number): void {
    this.#participant.announce(need);
    raiseHint(this.#words, this.#hint);
  }

  #look(): void {
    const onReady = this.#onReady;
    if (onReady === undefined) return;
    if (!this.#announceAndLook()) {
      this.#cutShort.remind(() => {
        this.#look();
      });
      return;
    }
    this.stop();
    onReady();
  }
}
