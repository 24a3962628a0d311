/**
 * The map: who reads gets a value that its key had during the call, whole, never that of another key and never an older one than before; a
 * key that is there all the time is always found; whatever a writer dies at, the next one to change something makes it whole.
 */
import type { SharedMap } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { Processor } from '../weak-memory.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

/** What a writer does with a key. No key is changed by two. */
export type MapChange = readonly ['set' | 'delete', string];

export type MapParty =
  /** `before`: so many of them while all set up. */
  | { readonly changes: readonly MapChange[]; readonly before?: number }
  | { readonly reads: readonly string[] };

export interface MapShape {
  readonly parties: readonly MapParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
  /** Whose memory model; without one, accesses happen one after the other. */
  readonly processor?: Processor;
}

/** How many changes of each key have begun, and have returned. */
type Counts = Readonly<Record<string, number>>;

interface MapRecord extends Record<string, unknown> {
  readonly begun: Counts;
  readonly done: Counts;
  /** For each party and key: after how many changes of it the key was as last seen. */
  readonly seen: readonly Counts[];
}

const options = { capacity: 3, keyBytes: 4, valueBytes: messageBytes };
/** Of map-layout.ts. */
const [segmentAt, lock, count] = [288, 0, 2];
const [EMPTY, LIVE] = [0, 1];

/** The place of keys follows from a number that is drawn by lot: with this one, all of "a", "b" and "c" have the same home. */
const drawn: readonly Edit[] = [
  {
    file: 'packages/shm/src/map-region.ts',
    from: 'words[SEED] = Math.random() * 2 ** 32;',
    to: 'words[SEED] = 0;',
  },
  {
    file: 'packages/shm/src/map-table.ts',
    from: 'return ((hash >>> 16) * this.geometry.segmentSlots) >>> 16;',
    to: 'return hash & 0;',
  },
];

/** @param edits - Changes of the source: none checks what is shipped. */
export function map(shape: MapShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals, processor } = shape;
  const source = shmSource([...drawn, ...edits], 'map-layout', 'shared-map');
  const { bytes, slotsAt, segmentSlots, slotWords, keyWords } = source().mapGeometry(options);
  return {
    name: nameOf(shape),
    parties: parties.length,
    memoryBytes: bytes,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    ...(processor === undefined ? {} : { processor }),
    races: (word) => word >= slotsAt,
    record: { begun: {}, done: {}, seen: parties.map(() => ({})) } satisfies MapRecord,
    program(index) {
      const { SharedMap } = source();
      const shared = SharedMap.open('model', options);
      const each = parties[index] as MapParty;
      if ('changes' in each) {
        for (const [number, change] of each.changes.entries()) {
          if (number === (each.before ?? 0)) party().begin();
          party().settle(shared, number);
          make(shared, change, number);
        }
        party().begin();
        return;
      }
      party().begin();
      for (const [number, key] of each.reads.entries()) {
        party().settle(shared, number);
        read(shared, key, parties);
      }
    },
    ended({ memory }) {
      if (memory[segmentAt + lock] !== 0) return; // nobody has come since a writer died
      const states = Array.from({ length: segmentSlots }, (_, slot) => slotsAt + slot * slotWords);
      const live = states.filter((slot) => ((memory[slot] as number) & 3) === LIVE);
      if (states.some((slot) => ![EMPTY, LIVE].includes((memory[slot] as number) & 3)))
        throw new Violation('a hole is left');
      const keys = live.map((slot) => memory.slice(slot + 2, slot + 2 + keyWords).join());
      if (new Set(keys).size !== keys.length) throw new Violation('a key is there twice');
      if (memory[segmentAt + count] !== live.length) throw new Violation('the count is wrong');
    },
  };
}

function nameOf({ parties, processor }: MapShape): string {
  const describe = (each: MapParty): string => {
    if ('reads' in each) return `reader of ${each.reads.join(', ')}`;
    const texts = each.changes.map((change) => change.join(' '));
    const before = texts.slice(0, each.before ?? 0).join(', ');
    return `writer: ${[before, texts.slice(each.before ?? 0).join(', ')].filter((text) => text !== '').join(' + ')}`;
  };
  return `map${processor === undefined ? '' : ` on ${processor}`}, ${parties.map(describe).join(' | ')}`;
}

function make(shared: SharedMap, [what, key]: MapChange, number: number): void {
  const { index } = party();
  note(({ begun }) => ({ begun: { ...begun, [key]: (begun[key] ?? 0) + 1 } }));
  if (what === 'set') shared.set(key, message(index, number));
  else if (!shared.delete(key)) throw new Violation(`${key} was not there`);
  note(({ done }) => ({ done: { ...done, [key]: (done[key] ?? 0) + 1 } }));
}

function read(shared: SharedMap, key: string, parties: readonly MapParty[]): void {
  const { index } = party();
  const from = party().along(({ record }) => {
    const { done, seen } = record as MapRecord;
    return Math.max(done[key] ?? 0, seen[index]?.[key] ?? 0);
  }) as number;
  const value = shared.get(key);
  const found = value && readMessage(value);
  note(({ begun, seen }) => {
    const outcomes = outcomesOf(key, parties);
    for (let at = from; at <= (begun[key] ?? 0); at++) {
      const outcome = outcomes[at];
      if (outcome?.by !== found?.by || outcome?.number !== found?.number) continue;
      return { seen: seen.with(index, { ...seen[index], [key]: at }) };
    }
    throw new Violation(
      `${key} was ${found === undefined ? 'not there' : `change ${found.number} of ${found.by}`}`,
    );
  });
}

/** What a key is after each number of changes. */
function outcomesOf(
  key: string,
  parties: readonly MapParty[],
): ({ by: number; number: number } | undefined)[] {
  return [
    undefined,
    ...parties.flatMap((each, by) =>
      'changes' in each
        ? [...each.changes.entries()]
            .filter(([, change]) => change[1] === key)
            .map(([number, [what]]) => (what === 'set' ? { by, number } : undefined))
        : [],
    ),
  ];
}

function note(entry: (record: MapRecord) => Partial<MapRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as MapRecord) };
  });
}
