import type { Region } from '@ipc/shm';
import type { BellLine } from './bell-line.ts';
import { Guard } from './guard.ts';
import { areaBytes, LINE_WORDS, SLOT_LIFE, SLOT_WAITING, SLOT_WANTS, STATE_SLEEPERS } from './lock-layout.ts';
import { openEmbedded, type LockOptions, type OpenArea } from './open-area.ts';
import type { Participant } from './participant.ts';
import { blockOn } from './waiting.ts';

/** A blocking wait looks up this often, so that a worker thread can be terminated. */
const sliceMs = 100;
/** When the one to watch is just being replaced by another in its slot. */
const soonMs = 1;

/**
 * For those who build a structure in a region: mutual exclusion for some hundred nanoseconds at a time, and waiting for
 * what others do inside, on the event loop or blocking.
 *
 * Rules that keep it safe whatever step anybody dies at:
 * - The structure changes between `enter` and `leave` only, and says in its own memory how far a change got: whoever
 *   enters after a dead one finds the guard taken over without further notice, and mends first.
 * - Who finds nothing to do says so inside, by `announce`, and then leaves and sleeps.
 * - Who changes something to the advantage of others calls `ring` inside, BEFORE the change.
 * - Whoever may have to be mended by others (a holder) is watched by those who sleep: its death wakes them.
 *
 * Thread: the one that opened it. Layout: docs/wire-formats/lock.md, kind monitor.
 */
export class Monitor implements Disposable {
  readonly #area: OpenArea;
  readonly #participant: Participant;
  readonly #guard: Guard;
  readonly #sleepersAt: number;
  readonly #look: () => void;
  #watched: BellLine[] = [];
  #asleep = false;
  #soon: NodeJS.Timeout | undefined;
  #open = true;

  private constructor(area: OpenArea, look: () => void) {
    this.#area = area;
    this.#participant = area.participant;
    this.#guard = new Guard(area.participant);
    this.#sleepersAt = area.participant.base + STATE_SLEEPERS;
    this.#look = look;
  }

  /**
   * Takes part in the monitor at `offset` of a region's payload; the first to come makes it.
   *
   * @param look - Called on the event loop when one who sleeps should look again. It is awake then.
   * @throws {RangeError} The offset. @throws {IpcError} ERR_IPC_LIMIT: all participants are taken; ERR_IPC_MISMATCH; ERR_IPC_CORRUPT.
   */
  static in(region: Region, offset: number, look: () => void, options: LockOptions = {}): Monitor {
    return new Monitor(openEmbedded(region, offset, { kind: 'monitor', flags: 0, limit: 0 }, options), look);
  }

  /** Bytes a monitor takes. */
  static bytes(participants: number): number {
    return areaBytes(participants);
  }

  /** Names this participant; never used again after its end. */
  get identity(): number {
    return this.#participant.identity;
  }

  /** The participant's place in the table: 0 up to the number of participants. */
  get index(): number {
    return (this.#participant.slot - this.#participant.slotsStart) / LINE_WORDS;
  }

  /** Enters, sleeping a millisecond at a time while the one inside is preempted or stopped. */
  enter(): void {
    this.#guard.enter();
  }

  leave(): void {
    this.#guard.leave();
  }

  /** Whether a participant still lives. False is final. Cost: one system call. */
  isAlive(identity: number): boolean {
    return this.#participant.isAlive(identity);
  }

  /** Inside: wakes every other participant that sleeps and wants one of these. Cost: one load when nobody sleeps. @param wants - Bits. */
  ring(wants: number): void {
    if (Atomics.load(this.#participant.words, this.#sleepersAt) === 0) return;
    const { words, slotsStart, slotsEnd, slot: own } = this.#participant;
    let left = 0;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      const announcement = Atomics.load(words, slot + SLOT_WAITING);
      if (announcement === 0) continue;
      if (slot === own || (Atomics.load(words, slot + SLOT_WANTS) & wants) === 0) {
        left = 1;
        continue;
      }
      this.#participant.lineTo(slot)?.ring();
      Atomics.compareExchange(words, slot + SLOT_WAITING, announcement, 0);
    }
    Atomics.store(words, this.#sleepersAt, left);
  }

  /** Inside: from now on those who change what is wanted ring. @param wants - Bits. */
  announce(wants: number): void {
    const { words, slot } = this.#participant;
    Atomics.store(words, slot + SLOT_WANTS, wants);
    this.#participant.announce();
    Atomics.store(words, this.#sleepersAt, 1);
  }

  /** Takes an announcement back. */
  withdraw(): void {
    if (this.#asleep) this.#wake();
    else if (this.#open) this.#participant.withdraw();
  }

  /** After an announcement: sleeps on the event loop, keeping the process alive, until a ring, or the death of one who is watched. @param watched - Identities. */
  sleep(watched: readonly number[]): void {
    if (this.#asleep) this.#wakeLines();
    const { found, complete } = this.#linesTo(watched);
    this.#watched = found;
    for (const line of found) line.add(this);
    if (!complete) {
      this.#soon = setTimeout(() => {
        this.look();
      }, soonMs);
    }
    this.#asleep = true;
    this.#participant.bell.add(this);
  }

  /** After an announcement: BLOCKS the thread until a ring, a death, or for `timeoutMs` (-1: for ever); may end early. */
  block(watched: readonly number[], timeoutMs: number): void {
    const { bell } = this.#participant;
    const { found, complete } = this.#linesTo(watched);
    const longestMs = complete ? sliceMs : soonMs;
    if (blockOn(bell.descriptor, found, timeoutMs < 0 ? longestMs : Math.min(timeoutMs, longestMs))) {
      bell.silence();
      bell.share();
    }
  }

  /** @internal */
  look(): void {
    if (!this.#asleep) return;
    this.#wake();
    this.#look();
  }

  /** Leaves. What others would have to mend has been handed on. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.withdraw();
    this.#open = false;
    this.#area.close(() => false);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #wake(): void {
    this.#asleep = false;
    this.#participant.withdraw();
    this.#participant.bell.delete(this);
    this.#wakeLines();
  }

  #wakeLines(): void {
    for (const line of this.#watched) line.delete(this);
    this.#watched = [];
    clearTimeout(this.#soon);
  }

  #linesTo(identities: readonly number[]): { found: BellLine[]; complete: boolean } {
    const found: BellLine[] = [];
    let complete = true;
    for (const identity of identities) {
      const slot = this.#participant.slotOf(identity);
      if (slot === undefined || this.#participant.isOwnThread(slot)) continue;
      const line =
        Atomics.load(this.#participant.words, slot + SLOT_LIFE) === identity
          ? this.#participant.lineTo(slot)
          : undefined;
      if (line === undefined) complete = false;
      else found.push(line);
    }
    return { found, complete };
  }
}
