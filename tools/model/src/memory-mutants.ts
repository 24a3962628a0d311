/** What is broken on purpose in `@ipc/shm`: the ring of records, the pool of loans, the map. */
import { mutant, type Mutant } from './mutant.ts';
import { map, type MapShape } from './scenarios/map.ts';
import { pool, type PoolShape } from './scenarios/pool.ts';
import { records, type RecordsShape } from './scenarios/records.ts';

const sender = { sends: ['short'] } as const;
const receiver = { receives: 'all' } as const;
const sent: RecordsShape = { parties: [sender, receiver], deaths: 0 };
const both: RecordsShape = { parties: [sender, sender], deaths: 0 };
const orphaned: RecordsShape = {
  parties: [{ sends: ['left', 'short'], before: 2 }, receiver],
  deaths: 1,
  mortals: [0],
};
/** Four messages fill the ring when all begin. */
const full: RecordsShape = {
  parties: [receiver, { sends: ['short', 'short', 'short', 'short', 'short'], before: 4 }],
  deaths: 0,
};

const borrower = { borrows: 'all' } as const;
const lent: PoolShape = { chunks: 1, parties: [{ publishes: 1 }, borrower], deaths: 0 };
/** The only chunk is out when all begin. */
const out: PoolShape = { chunks: 1, parties: [{ publishes: 1 }, borrower], deaths: 0 };
const joined: PoolShape = {
  chunks: 2,
  parties: [{ publishes: 1 }, { borrows: 'all', joins: 'late' }],
  deaths: 0,
};

const reset: MapShape = {
  parties: [
    {
      changes: [
        ['set', 'a'],
        ['set', 'a'],
        ['set', 'a'],
      ],
      before: 1,
    },
    { reads: ['a'] },
  ],
  deaths: 0,
};
/** "b" stands behind "a" and moves to its place. */
const moved: MapShape = {
  parties: [
    {
      changes: [
        ['set', 'a'],
        ['set', 'b'],
        ['delete', 'a'],
      ],
      before: 2,
    },
    { reads: ['b'] },
  ],
  deaths: 0,
};
const repaired: MapShape = {
  parties: [moved.parties[0] as MapShape['parties'][0], { changes: [['set', 'c']] }],
  deaths: 1,
  mortals: [0],
};

function inRecords(name: string, file: string, from: string, to: string, shape: RecordsShape): Mutant {
  return mutant(`ring of records: ${name}`, `packages/shm/src/mpsc-${file}.ts`, from, to, (edits) =>
    records(shape, edits),
  );
}

function inPool(name: string, file: string, from: string, to: string, shape: PoolShape): Mutant {
  return mutant(`pool: ${name}`, `packages/shm/src/${file}.ts`, from, to, (edits) => pool(shape, edits));
}

function inMap(name: string, file: string, from: string, to: string, shape: MapShape): Mutant {
  return mutant(`map: ${name}`, `packages/shm/src/${file}.ts`, from, to, (edits) => map(shape, edits));
}

export function memoryMutants(): readonly Mutant[] {
  return [
    inRecords(
      'a message is visible before it is written',
      'sender',
      `    memory.bytes.set(message, memory.offsetOf(unit));
    memory.commit(unit, number, length);`,
      `    memory.commit(unit, number, length);
    memory.bytes.set(message, memory.offsetOf(unit));`,
      sent,
    ),
    inRecords(
      'a unit is claimed without making sure that nobody else has',
      'memory',
      'if (Atomics.compareExchange(words, this.states + unit, state, claim) !== state) continue;',
      'Atomics.store(words, this.states + unit, claim);',
      both,
    ),
    inRecords(
      'what a dead sender had only claimed is received',
      'memory',
      'if (Atomics.compareExchange(words, index, state, skipOf(unitsIn(state))) === state) {',
      'if (Atomics.compareExchange(words, index, state, (state & ~PHASE_MASK) | FULL) === state) {',
      orphaned,
    ),
    inRecords(
      'a sender that waits is not woken',
      'receiver',
      'wakeWriters(words, sleepingWriters, from, this.#position, this.participant);',
      '',
      full,
    ),
    inPool(
      'a message is announced before it has its place',
      'pool-memory',
      `    words[this.#placeOf(sequence)] = chunk;
    Atomics.exchange(words, HEAD, (sequence + 1) | 0);`,
      `    Atomics.exchange(words, HEAD, (sequence + 1) | 0);
    words[this.#placeOf(sequence)] = chunk;`,
      lent,
    ),
    inPool(
      'a chunk is lent again while it is read',
      'pool-memory',
      'return Atomics.load(this.words, this.headerOf(chunk) + HOLDERS) === 0;',
      'return true;',
      { ...out, parties: [{ publishes: 2 }, borrower] },
    ),
    inPool(
      'a publisher that waits is not woken',
      'loan-receiver',
      'wakeAll(memory.words, SLEEPING_PUBLISHER, WRITER, participant);',
      '',
      { ...out, parties: [{ publishes: 2, before: 1 }, borrower] },
    ),
    inPool(
      'a publisher does not look who came while it published',
      'pool-memory',
      'if (receivers !== 0 && Atomics.compareExchange(words, header + HOLDERS, PENDING, 0) === PENDING) {',
      'if (receivers < 0) {',
      joined,
    ),
    inMap(
      'a value is valid before it is written',
      'map-table',
      '    copyWords(value, valueAt, words, this.valueAt(slot, next), valueWords << 2);\n',
      `    Atomics.exchange(words, slot + STATE, next);
    copyWords(value, valueAt, words, this.valueAt(slot, next), valueWords << 2);
`,
      reset,
    ),
    inMap(
      'a reader does not look whether the value changed while it copied',
      'shared-map',
      'if (Atomics.load(words, slot + STATE) === table.foundState) return true;',
      'return true;',
      reset,
    ),
    inMap(
      'a reader that finds nothing does not look whether entries moved',
      'shared-map',
      'if (Atomics.load(words, segment + EPOCH) === epoch) return false;',
      'return false;',
      moved,
    ),
    inMap(
      'a move does not say that it happened',
      'map-table',
      '    Atomics.add(words, segment + EPOCH, 1);\n    this.#setStatus(from, DELETED);',
      '    this.#setStatus(from, DELETED);',
      moved,
    ),
    inMap(
      'an entry leaves its place before it is at the other',
      'map-table',
      '    const state = Atomics.load(words, from + STATE);\n    this.publish(',
      '    const state = Atomics.load(words, from + STATE);\n    this.#setStatus(from, DELETED);\n    this.publish(',
      moved,
    ),
    inMap(
      'what a dead writer left is not made whole',
      'shared-map',
      'if (died) this.#table.repair(segment);',
      '',
      repaired,
    ),
  ];
}
