/** What is broken on purpose in the locks of `@ipc/sync` that have more state than an owner, and in the lease. */
import { mutant, type Mutant } from './mutant.ts';
import type { Scenario } from './scenario.ts';
import { barrier } from './scenarios/barrier.ts';
import { condition } from './scenarios/condition.ts';
import { gate, type GateShape } from './scenarios/gate.ts';
import { lease, type LeaseParty } from './scenarios/lease.ts';
import { mutex, type MutexShape } from './scenarios/mutex.ts';
import { rwLock, type RwLockShape } from './scenarios/rw-lock.ts';
import { semaphore, type SemaphoreShape } from './scenarios/semaphore.ts';
import type { Edit } from './source.ts';

const reader = { mode: 'shared', spelling: 'sync' } as const;
const writer = { mode: 'exclusive', spelling: 'sync' } as const;
const both: RwLockShape = { parties: [reader, writer], deaths: 0 };
const repairers: RwLockShape = {
  abandoned: true,
  parties: [
    { ...reader, repairs: 'well' },
    { ...reader, repairs: 'in vain' },
  ],
  deaths: 0,
};
const givingUp: RwLockShape = { parties: [{ ...writer, begins: true, givesUp: true }, writer], deaths: 0 };
const event: GateShape = { kind: 'manual event', parties: ['opener', 'sync'], deaths: 0 };
const latch: GateShape = { kind: 'latch of 2', parties: ['opener', 'opener', 'sync'], deaths: 0 };

/** In one file of the package. */
type Broken = (name: string, file: string, from: string, to: string) => Mutant;

function broken(what: string, scenario: (edits: readonly Edit[]) => Scenario): Broken {
  return (name, file, from, to) =>
    mutant(`${what}: ${name}`, `packages/sync/src/${file}.ts`, from, to, scenario);
}

const inCondition = broken('condition', (edits) =>
  condition({ parties: ['notifier', 'waiter'], deaths: 0 }, edits),
);
const inGate = (shape: GateShape): Broken => broken(shape.kind, (edits) => gate(shape, edits));
const inBarrier = (deaths: number): Broken =>
  broken('barrier', (edits) => barrier({ parties: 2, deaths, mortals: [0] }, edits));
const inLease = (leader: LeaseParty, deaths: number): Broken =>
  broken('lease', (edits) => lease({ parties: [leader, 'watches'], deaths, mortals: [0] }, edits));
const inRwLock = (shape: RwLockShape): Broken => broken('rwlock', (edits) => rwLock(shape, edits));

const repairedMutex: MutexShape = {
  spellings: ['sync', 'sync'],
  rounds: 1,
  repairs: ['in vain', 'well'],
  abandoned: true,
  deaths: 0,
};
const fairMutex: MutexShape = {
  spellings: ['sync', 'sync'],
  rounds: 2,
  deaths: 1,
  mortals: [0],
  fair: true,
};
const three: MutexShape = { spellings: ['sync', 'sync', 'sync'], rounds: 1, deaths: 0, fair: true };
const fairSemaphore: SemaphoreShape = {
  permits: 1,
  parties: [
    { spelling: 'sync', wants: 1, rounds: 2, begins: true },
    { spelling: 'sync', wants: 1, rounds: 1 },
  ],
  deaths: 0,
  fair: true,
};
const inMutex = (shape: MutexShape): Broken => broken('mutex', (edits) => mutex(shape, edits));
const inFairMutex = (shape: MutexShape): Broken => broken('fair mutex', (edits) => mutex(shape, edits));
const inFairSemaphore = broken('fair semaphore', (edits) => semaphore(fairSemaphore, edits));

export function lockMutants(): readonly Mutant[] {
  return [
    inCondition(
      'the mutex is given up before the number is read',
      'condition',
      `    const notifications = this.#notifications;
    held.release();`,
      `    held.release();
    const notifications = this.#notifications;`,
    ),
    inCondition(
      'a notification is not counted',
      'condition',
      'Atomics.add(this.words, this.participant.base + STATE, 1);',
      '',
    ),
    inCondition('nobody is woken', 'condition', '      this.ring();\n', ''),
    inGate(event)(
      'a sleeper looks before it announces itself',
      'waiting',
      `        this.#participant.announce(true);
        const result = this.#attempts.attempt(item, true);`,
      `        const result = this.#attempts.attempt(item, true);
        this.#participant.announce(true);`,
    ),
    inGate(event)('nobody is woken', 'event', '      this.ring();\n', ''),
    inGate({ ...event, deaths: 1, mortals: [0] })(
      'it is set before those who wait are woken',
      'event',
      `      this.ring();
      this.#flag = true;`,
      `      this.#flag = true;
      this.ring();`,
    ),
    inGate({ ...event, kind: 'auto event', parties: ['opener', 'sync', 'sync'] })(
      'it stays set',
      'event',
      'if (this.#auto) this.#flag = false;',
      '',
    ),
    inGate(latch)('nobody is woken', 'latch', 'if (rest === 0) this.ring();', ''),
    inGate(latch)('it opens one too early', 'latch', 'return this.#left === 0 ?', 'return this.#left <= 1 ?'),
    inBarrier(0)(
      'the last to come wakes nobody',
      'barrier',
      `        this.ring();
        this.#startPhase();`,
      '        this.#startPhase();',
    ),
    inBarrier(0)(
      'the first to come goes on',
      'barrier',
      'if (this.#arrived === this.#parties) {',
      'if (this.#arrived > 0) {',
    ),
    inBarrier(1)('a death does not break it', 'barrier', '      Atomics.store(words, base + BROKEN, 1);', ''),
    inBarrier(1)(
      'who waits watches nobody',
      'barrier',
      'return this.slots((slot) => (Atomics.load(this.words, slot + SLOT_LIFE) & SLOT_MASK) !== 0);',
      'return this.slots(() => false);',
    ),
    inLease('leads', 0)(
      'who watches is not told of a new leader',
      'lease',
      'this.#area.participant.ringAll();',
      '',
    ),
    inLease('leads', 1)(
      'who watches does not see the leader die',
      'lease',
      'return slot === undefined ? [] : [slot];',
      'return [];',
    ),
    inLease('leads and resigns', 0)(
      'who watches does not mark the word',
      'owner-word',
      'if (announced && (word & WAITERS) === 0 && !this.#replace(word, word | WAITERS)) continue;',
      '',
    ),
    inRwLock({ ...both, parties: [{ ...reader, begins: true }, writer] })(
      'a writer does not look for readers',
      'rw-lock',
      `if (mode === 'exclusive') {
      if (inside !== 0) return undefined;`,
      `if (mode === 'exclusive') {`,
    ),
    inRwLock(both)(
      'a reader does not look for a writer',
      'rw-lock',
      'if (inside === WRITING) return undefined;',
      '',
    ),
    inRwLock(both)(
      'given back without ringing',
      'rw-lock',
      `      this.ring();
      if (held instanceof ExclusiveHeld) {`,
      '      if (held instanceof ExclusiveHeld) {',
    ),
    inRwLock({ parties: [reader, { ...writer, begins: true }], deaths: 1, mortals: [1] })(
      'the successor of a dead writer is not told',
      'rw-lock',
      'Atomics.compareExchange(words, base + ABANDONED_AT, 0, 1);',
      ';',
    ),
    inRwLock({ ...repairers, parties: [reader, { ...reader, repairs: 'well' }] })(
      'a reader that repairs lets others in meanwhile',
      'rw-lock',
      'this.#own.held = WRITING; // until it has repaired',
      'this.#own.held += 1;',
    ),
    inRwLock(repairers)(
      'who could not repair keeps the lock',
      'rw-lock',
      'if (this.isOpen) this.#goOnWith(0);',
      '',
    ),
    inRwLock(repairers)(
      'a repair that failed counts',
      'rw-lock',
      'if (readings === 1) this.#setAbandoned(false);',
      'this.#setAbandoned(false);',
    ),
    inRwLock(givingUp)(
      'nobody is woken when it is given up',
      'rw-lock',
      `      this.ring();
      Atomics.store(this.words, this.participant.base + ABANDONED_AT, GIVEN_UP);`,
      '      Atomics.store(this.words, this.participant.base + ABANDONED_AT, GIVEN_UP);',
    ),
    inRwLock({ ...givingUp, parties: [...givingUp.parties, writer], fair: true })(
      'who stands in line behind another is not told that it was given up',
      'rw-lock',
      'return this.#isGivenUp() || (',
      'return (',
    ),
    inRwLock({ parties: [{ ...reader, begins: true, rounds: 2 }, writer], deaths: 0, fair: true })(
      'readers do not mind those in line',
      'rw-lock',
      "(mode === 'shared' && this.#own.held > 0)",
      "mode === 'shared'",
    ),
    inMutex(repairedMutex)(
      'clean when its repair has failed',
      'mutex',
      'this.#word.giveAs(ABANDONED);\n      throw error;',
      'this.#word.giveAs(0);\n      throw error;',
    ),
    inFairMutex(fairMutex)(
      'the dead stand in line',
      'turns',
      'if (this.#participant.isAlive(identity)) return identity;',
      'return identity;',
    ),
    inFairMutex(fairMutex)(
      'nobody leaves the line when it has been served',
      'turns',
      'Atomics.compareExchange(this.#words, this.#mine, ticket, NO_TICKET);\n  }',
      '}',
    ),
    inFairMutex({ ...fairMutex, deaths: 0 })(
      'the last to come goes first',
      'turns',
      'return ((ticket - other) | 0) < 0;',
      'return ((ticket - other) | 0) > 0;',
    ),
    inFairMutex({ ...fairMutex, spellings: ['async', 'sync'], deaths: 0 })(
      'who has no ticket does not mind those in line',
      'turns',
      'if (ticket !== NO_TICKET && !isEarlier',
      'if (ticket === NO_TICKET || !isEarlier',
    ),
    inFairMutex(three)(
      'given back without the mark of those who stand in line',
      'owner-word',
      'const line = this.#turns === undefined ? 0 : WAITERS;',
      'const line = 0;',
    ),
    inFairMutex(three)(
      'a sleeper in line does not look again when it has marked a free word',
      'owner-word',
      '(this.#replace(word, word | WAITERS) && !isFree)',
      'this.#replace(word, word | WAITERS)',
    ),
    inFairSemaphore(
      'the last to come goes first',
      'turns',
      'return ((ticket - other) | 0) < 0;',
      'return ((ticket - other) | 0) > 0;',
    ),
    inFairSemaphore(
      'who tries at once does not mind those in line',
      'compound-lock',
      'return this.#turns === undefined ? this.take(wish) : this.#takeInTurn({ wish, ticket: NO_TICKET });',
      'return this.take(wish);',
    ),
  ];
}
