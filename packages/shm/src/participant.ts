import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { fromErrno, IpcError } from '@ipc/core';
import { ofdHolder, ofdLock, poll, POLLIN } from '@ipc/native';
import { BellLines } from './bell-lines.ts';
import { Bell, removeBell } from './bell.ts';
import {
  ANNOUNCEMENT,
  BELL,
  GENERATION_MASK,
  GENERATION_SHIFT,
  LIFE,
  LINE_BYTES,
  LINE_WORDS,
  NEED,
  NUMBER_MASK,
  PID,
  POSITION,
  ROLE,
} from './participants-layout.ts';
import type { Region } from './region.ts';

/** Where a table of participants lies, and what its structure does about the dead. */
export interface ParticipantTable {
  readonly region: Region;
  /** Index of the table's first word in the region's payload. */
  readonly at: number;
  /** How many lines it has: 1..255. */
  readonly capacity: number;
  /** Repairs what the participant of this number may have left half done. Nobody else does so meanwhile; it may be repeated. */
  repair(number: number, line: number): void;
}

/** How long to wait for the kernel to finish with somebody whose bell is silent already. */
const exitMs = 1;

/**
 * One who takes part in a structure of several: its proof of life, its sleep, and what it knows of the others.
 *
 * The proof of life is a lock that the kernel drops when the process (or worker thread) ends: nobody is taken for dead
 * because of being slow or stopped. Layout: participants-layout.ts.
 */
export class Participant {
  /** 1..255. */
  readonly number: number;
  /** Index of the first word of the own line. */
  readonly line: number;
  readonly #table: ParticipantTable;
  readonly #words: Int32Array;
  /** An open file description of its own, as locks belong to those. */
  readonly #proof: number;
  readonly #identity: number;
  readonly #bell: Bell;
  readonly #lines: BellLines;
  #announcements = 0;
  #look: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;

  private constructor(
    table: ParticipantTable,
    proof: number,
    number: number,
    role: number,
    position: number,
  ) {
    const { words } = table.region;
    this.number = number;
    this.line = lineOf(table, number);
    this.#table = table;
    this.#words = words;
    this.#lines = new BellLines(words);
    this.#proof = proof;
    const before = Atomics.load(words, this.line + LIFE);
    if ((before & NUMBER_MASK) !== 0) buryLine(table, number);
    this.#bell = new Bell(fstatSync(proof).mode);
    const generation = ((before >>> GENERATION_SHIFT) + 1) & GENERATION_MASK;
    this.#identity = (generation << GENERATION_SHIFT) | number;
    Atomics.store(words, this.line + PID, process.pid);
    Atomics.store(words, this.line + ANNOUNCEMENT, 0);
    Atomics.store(words, this.line + ROLE, role);
    Atomics.store(words, this.line + BELL, this.#bell.high);
    Atomics.store(words, this.line + BELL + 1, this.#bell.low);
    Atomics.store(words, this.line + POSITION, position);
    Atomics.store(words, this.line + NEED, 0);
    Atomics.store(words, this.line + LIFE, this.#identity);
    // Whoever sleeps until the dead one that had this line is gone must look again.
    if ((before & NUMBER_MASK) !== 0) this.ring();
  }

  /**
   * Takes a line: a free one, or that of somebody dead.
   *
   * @param position - What the line's position says from its first moment on.
   * @throws {IpcError} ERR_IPC_LIMIT when all are taken by the living.
   */
  static join(table: ParticipantTable, role: number, position: number): Participant {
    // `fs.openSync`, because Node closes what a worker thread opened with it when that thread ends.
    const proof = openSync(`/proc/self/fd/${table.region.descriptor}`, constants.O_RDWR);
    try {
      return new Participant(table, proof, takeLine(table, proof), role, position);
    } catch (error) {
      closeSync(proof);
      throw fromErrno(error, 'join', table.region.name);
    }
  }

  /** Locks a byte of the region's file for as long as it takes part; false while somebody else has it. */
  lock(byte: number): boolean {
    try {
      return ofdLock(this.#proof, 'exclusive', byte, 1);
    } catch (error) {
      throw fromErrno(error, 'join', this.#table.region.name);
    }
  }

  /** Gives the line back and closes everything. */
  leave(): void {
    clearTimeout(this.#retry);
    Atomics.store(this.#words, this.line + ANNOUNCEMENT, 0);
    Atomics.store(this.#words, this.line + LIFE, this.#identity & ~NUMBER_MASK);
    this.ring(); // others may wait for the room that this one took
    this.#lines.close();
    this.#bell.close();
    closeSync(this.#proof);
  }

  /** Whether nobody has this number. */
  isVacant(number: number): boolean {
    if (number < 1 || number > this.#table.capacity) return true;
    return (Atomics.load(this.#words, lineOf(this.#table, number) + LIFE) & NUMBER_MASK) === 0;
  }

  /** Calls `visit` with the line and number of everybody else of this role, dead or alive. */
  others(role: number, visit: (line: number, number: number) => void): void {
    const words = this.#words;
    for (let number = 1; number <= this.#table.capacity; number++) {
      const line = lineOf(this.#table, number);
      if (number === this.number || (Atomics.load(words, line + LIFE) & NUMBER_MASK) === 0) continue;
      if (Atomics.load(words, line + ROLE) === role) visit(line, number);
    }
  }

  /** Frees the line of this number, and repairs what it left, if it belongs to somebody dead. Cost: one system call if not. */
  bury(number: number): boolean {
    if (number < 1 || number > this.#table.capacity || number === this.number) return false;
    const line = lineOf(this.#table, number);
    const identity = Atomics.load(this.#words, line + LIFE);
    if ((identity & NUMBER_MASK) === 0) return false;
    const at = proofAt(this.#table, number);
    if (ofdHolder(this.#proof, 'exclusive', at, 1) || !ofdLock(this.#proof, 'exclusive', at, 1)) return false;
    try {
      if (Atomics.load(this.#words, line + LIFE) !== identity) return false;
      buryLine(this.#table, number);
    } finally {
      ofdLock(this.#proof, 'unlock', at, 1);
    }
    this.ring();
    return true;
  }

  /** Says "I am going to sleep": whoever changes something from here on rings. */
  announce(need = 0): void {
    this.#announcements = (this.#announcements + 1) & 0x7fffffff || 1;
    Atomics.store(this.#words, this.line + NEED, need);
    Atomics.store(this.#words, this.line + ANNOUNCEMENT, this.#announcements);
  }

  withdraw(): void {
    Atomics.store(this.#words, this.line + ANNOUNCEMENT, 0);
  }

  /** Wakes all others who have announced to sleep. */
  ring(): void {
    for (let number = 1; number <= this.#table.capacity; number++) {
      if (number !== this.number) this.ringLine(lineOf(this.#table, number));
    }
  }

  /** Wakes who has this line, if it sleeps. */
  ringLine(line: number): void {
    this.#lines.ring(line);
  }

  /**
   * Calls `look` whenever somebody rings or dies, until `stopListening`; keeps the process alive until then.
   * Announce before, and look once more after.
   */
  listen(look: () => void): void {
    this.#look = look;
    this.#bell.listen(() => {
      this.#look?.();
      if (this.#look !== undefined) this.#watchOthers(); // who rang may be new, and in the way
    });
    this.#watchOthers();
  }

  stopListening(): void {
    this.#look = undefined;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#bell.ignore();
  }

  /** Blocks this thread until somebody rings one of these or dies, or the time is over; may return early. Each announces and looks before. */
  static block(sleepers: readonly Participant[], timeoutMs: number): void {
    let limitMs = timeoutMs;
    for (const sleeper of sleepers) {
      const found = sleeper.#findLines();
      if (found === 'buried') return;
      if (found === 'dying') limitMs = limitMs < 0 ? exitMs : Math.min(limitMs, exitMs);
    }
    const bells = sleepers.map((sleeper) => sleeper.#bell.descriptor);
    const lines = sleepers.flatMap((sleeper) =>
      Array.from(sleeper.#lines, ([line, { descriptor }]) => ({ sleeper, line, descriptor })),
    );
    const descriptors = Int32Array.from([...bells, ...lines.map(({ descriptor }) => descriptor)]);
    const events = new Int16Array(descriptors.length).fill(POLLIN, 0, bells.length);
    const readiness = new Int16Array(descriptors.length);
    poll(descriptors, events, readiness, limitMs);
    for (const sleeper of sleepers) sleeper.#bell.silence();
    for (const [index, { sleeper, line }] of lines.entries())
      if (readiness[bells.length + index] !== 0) sleeper.#lines.drop(line);
  }

  /** Hears of the death of all others. A bell goes silent a moment before the proof of death is there: looks until it is. */
  #watchOthers(): void {
    const found = this.#findLines();
    for (const [key, line] of this.#lines) {
      line.watch(() => {
        this.#lines.drop(key);
        if (this.#look !== undefined) this.#watchOthers();
      });
    }
    if (found === 'dying') {
      this.#retry ??= setTimeout(() => {
        this.#retry = undefined;
        if (this.#look !== undefined) this.#watchOthers();
      }, exitMs);
    }
    if (found === 'buried') queueMicrotask(() => this.#look?.());
  }

  /** Opens lines to all others; buries those whose bell is silent. */
  #findLines(): 'calm' | 'dying' | 'buried' {
    let found: 'calm' | 'dying' | 'buried' = 'calm';
    for (let number = 1; number <= this.#table.capacity; number++) {
      const line = lineOf(this.#table, number);
      if (number === this.number || (Atomics.load(this.#words, line + LIFE) & NUMBER_MASK) === 0) continue;
      if (this.#lines.to(line) !== undefined) continue;
      if (this.bury(number)) found = 'buried';
      else if (found === 'calm') found = 'dying';
    }
    return found;
  }
}

function lineOf({ at }: ParticipantTable, number: number): number {
  return at + (number - 1) * LINE_WORDS;
}

/** The byte of the file whose lock proves that the participant of this number lives. */
function proofAt({ region, at }: ParticipantTable, number: number): number {
  return region.offset + at * 4 + (number - 1) * LINE_BYTES;
}

/** Locks the first line that nobody alive has: free ones first, then those of the dead. */
function takeLine(table: ParticipantTable, proof: number): number {
  for (const wantFree of [true, false]) {
    for (let number = 1; number <= table.capacity; number++) {
      const isFree = (Atomics.load(table.region.words, lineOf(table, number) + LIFE) & NUMBER_MASK) === 0;
      if (isFree === wantFree && ofdLock(proof, 'exclusive', proofAt(table, number), 1)) return number;
    }
  }
  throw new IpcError(
    'ERR_IPC_LIMIT',
    `all ${table.capacity} participants of "${table.region.name ?? ''}" are taken, 1 more is needed: create it with { participants: <count> } up to 255`,
  );
}

/** The caller holds the lock of the line. */
function buryLine(table: ParticipantTable, number: number): void {
  const { words } = table.region;
  const line = lineOf(table, number);
  table.repair(number, line);
  removeBell(Atomics.load(words, line + BELL), Atomics.load(words, line + BELL + 1));
  Atomics.store(words, line + ANNOUNCEMENT, 0);
  Atomics.store(words, line + LIFE, Atomics.load(words, line + LIFE) & ~NUMBER_MASK);
}
