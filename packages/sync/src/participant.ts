import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { fromErrno, IpcError } from '@ipc/core';
import { ofdHolder, ofdLock, threadId } from '@ipc/native';
import { releaseBell, removeIfSilent, retainBell, type Bell } from './bell.ts';
import { bellPath } from './bell-path.ts';
import { lineTo, type BellLine } from './bell-line.ts';
import {
  BLOCKS,
  CONTROL_HIGH_WATER,
  CONTROL_PARTICIPANTS,
  GENERATION_MASK,
  GENERATION_SHIFT,
  LABEL_BYTES,
  LINE_WORDS,
  MAX_PARTICIPANTS,
  SLOT_BELL,
  SLOT_HELD,
  SLOT_LABEL,
  SLOT_LIFE,
  SLOT_MASK,
  SLOT_PID,
  SLOT_STARTED,
  SLOT_THREAD,
  SLOT_WAITING,
  SLOTS,
} from './lock-layout.ts';

/** Where a lock lies: the words of a mapping, the first word, the same place in the file, the file. */
export interface Area {
  readonly words: Int32Array;
  /** Index of the first word in `words`. */
  readonly base: number;
  /** Offset of the first word in the file, in bytes. */
  readonly fileOffset: number;
  readonly descriptor: number;
  /** Whether the file has a name that the last participant may remove. */
  readonly named: boolean;
  /** Saves what the slot of a dead participant says, before it is cleared: most states follow from the slots of the living. */
  readonly onDeath?: ((words: Int32Array, base: number, slot: number) => void) | undefined;
}

/** What is known of a participant. */
export interface ParticipantInfo {
  readonly pid: number;
  readonly threadId: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat: with `pid` it names one process for ever. */
  readonly startTicks: number;
  readonly label: string;
}

/**
 * One opened object of one thread in the table of those who share a lock (lock-layout.ts).
 *
 * What each step of joining leaves behind when the process dies there: before the lock on the slot's byte, nothing; after
 * it, a slot whose lock the kernel has dropped and whose life word still is what it was. Leaving: a life word that
 * names this identity without the kernel's lock, which is what a dead participant looks like.
 */
export class Participant {
  readonly words: Int32Array;
  readonly base: number;
  /** The low 30 bits of an owner word that names this participant. */
  readonly identity: number;
  /** Index of the first word of the own slot. */
  readonly slot: number;
  readonly bell: Bell;
  /** An open file description of its own: the proof of life hangs on it. */
  readonly #proof: number;
  readonly #slotFileOffset: number;
  readonly #capacity: number;
  readonly #onDeath: Area['onDeath'];
  #announcements = 0;

  private constructor(area: Area, capacity: number, proof: number, index: number, bell: Bell, label: string) {
    const { words, base } = area;
    this.words = words;
    this.base = base;
    this.bell = bell;
    this.#proof = proof;
    this.#capacity = capacity;
    this.#onDeath = area.onDeath;
    this.#slotFileOffset = area.fileOffset + SLOTS * 4;
    this.slot = base + SLOTS + index * LINE_WORDS;

    const before = Atomics.load(words, this.slot + SLOT_LIFE);
    if ((before & SLOT_MASK) !== 0) {
      area.onDeath?.(words, base, this.slot);
      removeIfSilent(bellPathOf(words, this.slot));
    }
    const generation = ((before >>> GENERATION_SHIFT) + 1) & GENERATION_MASK || 1;
    this.identity = (generation << GENERATION_SHIFT) | (index + 1);
    for (let word = this.slot + 1; word < this.slot + LINE_WORDS; word++) Atomics.store(words, word, 0);
    Atomics.store(words, this.slot + SLOT_PID, process.pid);
    Atomics.store(words, this.slot + SLOT_THREAD, threadId());
    Atomics.store(words, this.slot + SLOT_STARTED, startTicks());
    Atomics.store(words, this.slot + SLOT_BELL, bell.high);
    Atomics.store(words, this.slot + SLOT_BELL + 1, bell.low);
    writeLabel(words, this.slot + SLOT_LABEL, label);
    raise(words, base + CONTROL_HIGH_WATER, index + 1);
    Atomics.store(words, this.slot + SLOT_LIFE, this.identity);
    // Whoever waits for the dead one that had this slot must look again: its proof of death is now this identity.
    if ((before & SLOT_MASK) !== 0) this.ringAll();
  }

  /**
   * Takes a free slot, or that of a dead participant.
   *
   * @returns undefined when the last participant is just removing the area's name.
   * @throws {IpcError} ERR_IPC_LIMIT when all slots are taken by the living; ERR_IPC_CORRUPT.
   */
  static join(area: Area, label: string): Participant | undefined {
    const { words, base } = area;
    const capacity = Atomics.load(words, base + CONTROL_PARTICIPANTS);
    if (capacity < 1 || capacity > MAX_PARTICIPANTS || base + SLOTS + capacity * LINE_WORDS > words.length) {
      throw new IpcError('ERR_IPC_CORRUPT', `a lock cannot have ${capacity} participants`);
    }
    // `fs.openSync`, because Node closes what a worker thread opened with it when that thread ends.
    const proof = openSync(`/proc/self/fd/${area.descriptor}`, constants.O_RDWR);
    let bell: Bell | undefined;
    try {
      bell = retainBell();
      bell.allow(fstatSync(proof).mode);
      const index = takeSlot(area, capacity, proof);
      if (index !== undefined) return new Participant(area, capacity, proof, index, bell, label);
      if (!isRemoved(area, proof)) {
        throw new IpcError(
          'ERR_IPC_LIMIT',
          `all ${capacity} participants of the lock are taken, 1 more is needed: create it with { participants: <count> } up to ${MAX_PARTICIPANTS}`,
        );
      }
    } catch (error) {
      closeSync(proof);
      if (bell !== undefined) releaseBell();
      throw fromErrno(error, 'join a lock');
    }
    closeSync(proof);
    releaseBell();
    return undefined;
  }

  /**
   * Gives the slot back. What it held must have been handed on before.
   *
   * @param last - Called, while nobody can join, if nobody else takes part.
   */
  leave(last: () => void): void {
    Atomics.store(this.words, this.slot + SLOT_WAITING, 0);
    Atomics.store(this.words, this.slot + SLOT_HELD, 0);
    Atomics.store(this.words, this.slot + SLOT_LIFE, this.identity & ~SLOT_MASK);
    try {
      if (this.#isAlone()) last();
    } finally {
      closeSync(this.#proof);
      releaseBell();
    }
  }

  /** Locks everybody else out. False also when the kernel has no lock left: then a name stays, for the next one to find. */
  #isAlone(): boolean {
    try {
      return ofdLock(this.#proof, 'exclusive', this.#slotFileOffset, this.#capacity * LINE_WORDS * 4);
    } catch {
      return false;
    }
  }

  /** One past the last slot that was ever used, as a word index. Bounded: the word may be damaged. */
  get slotsEnd(): number {
    const highWater = Atomics.load(this.words, this.base + CONTROL_HIGH_WATER);
    return this.base + SLOTS + Math.min(Math.max(highWater, 0), this.#capacity) * LINE_WORDS;
  }

  get slotsStart(): number {
    return this.base + SLOTS;
  }

  /** The slot an identity names, as a word index; undefined for what nobody can be. */
  slotOf(identity: number): number | undefined {
    const index = (identity & SLOT_MASK) - 1;
    return index >= 0 && index < this.#capacity ? this.base + SLOTS + index * LINE_WORDS : undefined;
  }

  /**
   * Whether the participant lives: its slot still is its own and the kernel still holds its lock.
   *
   * True may be stale for a moment, while another takes the slot of a dead one; that one rings everybody. False is final.
   * Cost: one system call.
   */
  isAlive(identity: number): boolean {
    if (identity === this.identity) return true;
    const slot = this.slotOf(identity);
    if (slot === undefined || Atomics.load(this.words, slot + SLOT_LIFE) !== identity) return false;
    return this.#holdsProof(slot) && Atomics.load(this.words, slot + SLOT_LIFE) === identity;
  }

  /** Frees the slots of the dead, with what they held. True when there were any. */
  buryTheDead(): boolean {
    let buried = false;
    for (let slot = this.slotsStart; slot < this.slotsEnd; slot += LINE_WORDS) {
      const identity = Atomics.load(this.words, slot + SLOT_LIFE);
      if ((identity & SLOT_MASK) === 0 || slot === this.slot || this.#holdsProof(slot)) continue;
      const offset = this.#fileOffsetOf(slot);
      if (!ofdLock(this.#proof, 'exclusive', offset, 1)) continue; // another one is at it
      if (Atomics.load(this.words, slot + SLOT_LIFE) === identity) {
        // Before the change: who has failed because of the dead and not yet looked whom to watch will find nobody.
        this.ringAll();
        this.#onDeath?.(this.words, this.base, slot);
        removeIfSilent(bellPathOf(this.words, slot));
        Atomics.store(this.words, slot + SLOT_WAITING, 0);
        Atomics.store(this.words, slot + SLOT_HELD, 0);
        Atomics.store(this.words, slot + SLOT_LIFE, identity & ~SLOT_MASK);
        buried = true;
      }
      ofdLock(this.#proof, 'unlock', offset, 1);
    }
    return buried;
  }

  /** Says "I am going to sleep": whoever changes something from here on rings. */
  announce(blocks = false): void {
    this.#announcements = (this.#announcements + 1) & 0x7fffffff || 1;
    Atomics.store(
      this.words,
      this.slot + SLOT_WAITING,
      blocks ? this.#announcements | BLOCKS : this.#announcements,
    );
  }

  withdraw(): void {
    Atomics.store(this.words, this.slot + SLOT_WAITING, 0);
  }

  /**
   * Wakes everybody else who has announced to sleep.
   *
   * First the ring, then the mark, and only if it still is the same announcement: a ringer that dies, or is late,
   * never leaves a sleeper that nobody will ring for again.
   */
  ringAll(): void {
    for (let slot = this.slotsStart; slot < this.slotsEnd; slot += LINE_WORDS) {
      const announcement = Atomics.load(this.words, slot + SLOT_WAITING);
      if (announcement === 0 || slot === this.slot) continue;
      this.lineTo(slot)?.ring();
      Atomics.compareExchange(this.words, slot + SLOT_WAITING, announcement, 0);
    }
  }

  /** The slots of those who have announced to sleep, and live. */
  get sleepers(): number[] {
    const found: number[] = [];
    for (let slot = this.slotsStart; slot < this.slotsEnd; slot += LINE_WORDS) {
      if (Atomics.load(this.words, slot + SLOT_WAITING) === 0) continue;
      if (this.isAlive(Atomics.load(this.words, slot + SLOT_LIFE))) found.push(slot);
    }
    return found;
  }

  /** The line to the bell of a slot's thread; undefined when that thread is gone. */
  lineTo(slot: number): BellLine | undefined {
    return lineTo(Atomics.load(this.words, slot + SLOT_BELL), Atomics.load(this.words, slot + SLOT_BELL + 1));
  }

  /** Whether a slot belongs to the calling thread. */
  isOwnThread(slot: number): boolean {
    return (
      Atomics.load(this.words, slot + SLOT_BELL) === this.bell.high &&
      Atomics.load(this.words, slot + SLOT_BELL + 1) === this.bell.low
    );
  }

  info(slot: number): ParticipantInfo {
    return infoOf(this.words, slot);
  }

  #holdsProof(slot: number): boolean {
    return ofdHolder(this.#proof, 'exclusive', this.#fileOffsetOf(slot), 1);
  }

  #fileOffsetOf(slot: number): number {
    return this.#slotFileOffset + (slot - this.slotsStart) * 4;
  }
}

/** What a slot says. */
export function infoOf(words: Int32Array, slot: number): ParticipantInfo {
  return {
    pid: Atomics.load(words, slot + SLOT_PID),
    threadId: Atomics.load(words, slot + SLOT_THREAD),
    startTicks: Atomics.load(words, slot + SLOT_STARTED) >>> 0,
    label: readLabel(words, slot + SLOT_LABEL),
  };
}

/** Locks the first slot that nobody alive has: free ones first, then those of the dead. */
function takeSlot(area: Area, capacity: number, proof: number): number | undefined {
  const { words, base, fileOffset } = area;
  for (const wantFree of [true, false]) {
    for (let index = 0; index < capacity; index++) {
      const slot = base + SLOTS + index * LINE_WORDS;
      const isFree = (Atomics.load(words, slot + SLOT_LIFE) & SLOT_MASK) === 0;
      if (isFree !== wantFree) continue;
      if (!ofdLock(proof, 'exclusive', fileOffset + (SLOTS + index * LINE_WORDS) * 4, 1)) continue;
      return isRemoved(area, proof) ? undefined : index;
    }
  }
  return undefined;
}

/** The last participant has removed the name: who joins now would be alone with a lock nobody else can open. */
function isRemoved({ named }: Area, proof: number): boolean {
  return named && fstatSync(proof).nlink === 0;
}

function raise(words: Int32Array, index: number, value: number): void {
  for (let seen = Atomics.load(words, index); seen < value;) {
    const found = Atomics.compareExchange(words, index, seen, value);
    if (found === seen) return;
    seen = found;
  }
}

function bellPathOf(words: Int32Array, slot: number): string {
  return bellPath(Atomics.load(words, slot + SLOT_BELL), Atomics.load(words, slot + SLOT_BELL + 1));
}

let ticks: number | undefined;

function startTicks(): number {
  if (ticks === undefined) {
    // Field 22; the second field, in brackets, may itself contain spaces and brackets.
    const stat = readFileSync('/proc/self/stat', 'latin1');
    ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) | 0;
  }
  return ticks;
}

function writeLabel(words: Int32Array, index: number, label: string): void {
  const bytes = new Uint8Array(LABEL_BYTES);
  new TextEncoder().encodeInto(label, bytes);
  new Uint8Array(words.buffer, words.byteOffset + index * 4, LABEL_BYTES).set(bytes);
}

function readLabel(words: Int32Array, index: number): string {
  const bytes = Uint8Array.from(new Uint8Array(words.buffer, words.byteOffset + index * 4, LABEL_BYTES));
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
