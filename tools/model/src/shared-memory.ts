/**
 * Memory that parties share, seen through the typed arrays and `Atomics` that the code under test uses.
 *
 * Atomic operations are steps. Plain loads and stores are not: they belong to the step before them. That loses nothing
 * as long as there is no data race, because JavaScript promises sequential consistency to programs without one
 * (ECMA-262, "Data Race Freedom"; Watt et al., "Repairing and Mechanising the JavaScript Relaxed Memory Model", 2020).
 * And a data race is found: two accesses race if and only if, in some interleaving, they stand side by side with no step
 * of either party between, and {@link checkRaces} looks at exactly that, in every interleaving.
 */
import { touches } from './footprint.ts';
import { party, type Accesses, type Step } from './party.ts';
import { barrier, change, load, store, waysToLoad } from './weak-memory.ts';
import type { World } from './world.ts';

/** Stands for the mapping: what `new Int32Array(buffer, ...)` gets in the code under test. */
export class SharedMemory {
  readonly byteLength: number;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
  }
}

type IntegerArray = Int32Array | Uint8Array | Uint32Array;
type IntegerArrayConstructor = typeof Int32Array | typeof Uint8Array | typeof Uint32Array;

/** A view of shared memory; behind its Proxy. */
interface View {
  readonly constructor: IntegerArrayConstructor;
  readonly offset: number;
  readonly length: number;
}

const views = new WeakMap<object, View>();
const prefixed = /^(0|[1-9]\d*)$/;

/** Whether it stands for shared memory. */
export function isView(value: object): boolean {
  return value instanceof SharedMemory || views.has(value);
}

/** Which word of the memory that is. */
export function wordOf(words: Int32Array, index: number): number {
  const view = views.get(words);
  if (view === undefined) throw new TypeError('not shared memory');
  return (view.offset >> 2) + index;
}

/** A typed array constructor that makes views of {@link SharedMemory}, and of everything else what it always makes. */
export function viewing<Constructor extends IntegerArrayConstructor>(constructor: Constructor): Constructor {
  return new Proxy(constructor, {
    construct(target, [source, offset = 0, length]: [unknown, number?, number?]) {
      if (!(source instanceof SharedMemory)) {
        return Reflect.construct(
          target,
          [source, offset, length].slice(0, source instanceof ArrayBuffer ? 3 : 1),
        ) as object;
      }
      const count = length ?? (source.byteLength - offset) / target.BYTES_PER_ELEMENT;
      if (
        offset % target.BYTES_PER_ELEMENT !== 0 ||
        offset + count * target.BYTES_PER_ELEMENT > source.byteLength
      ) {
        throw new RangeError('a view outside of the shared memory');
      }
      return createView(source, { constructor: target, offset, length: count });
    },
  });
}

function createView(memory: SharedMemory, view: View): object {
  const { constructor, offset, length } = view;
  const size = constructor.BYTES_PER_ELEMENT;
  const read = (from: number, count: number): IntegerArray => {
    const [start, end] = [offset + from * size, offset + (from + count) * size];
    if (isRacing(start, end, false)) return new constructor(readWords(start, end).buffer, start & 3, count);
    return party().along((world, accesses) => {
      touch(accesses, start, end, false);
      return new constructor(world.memory.buffer.slice(start, end));
    }) as IntegerArray;
  };
  const write = (at: number, values: ArrayLike<number>): void => {
    if (at + values.length > length) throw new RangeError('offset is out of bounds');
    const [start, end] = [offset + at * size, offset + (at + values.length) * size];
    if (isRacing(start, end, true)) {
      const bytes = new Uint8Array(end - start);
      new constructor(bytes.buffer).set(values);
      writeWords(start, bytes);
      return;
    }
    const written = constructor.from(values); // what they are taken from may change before it is written again in another state
    party().along((world, accesses) => {
      touch(accesses, start, end, true);
      new constructor(world.writable().buffer, offset, length).set(written, at);
    });
  };
  const clamp = (index: number): number => Math.min(Math.max(index < 0 ? length + index : index, 0), length);
  const members: Readonly<Record<string, unknown>> = {
    length,
    byteLength: length * size,
    byteOffset: offset,
    buffer: memory,
    BYTES_PER_ELEMENT: size,
    set: (values: ArrayLike<number>, at = 0) => {
      write(at, values);
    },
    fill: (value: number, from = 0, to: number = length) => {
      write(
        from,
        Array.from({ length: Math.max(0, to - from) }, () => value),
      );
    },
    slice: (from = 0, to: number = length) => read(clamp(from), Math.max(0, clamp(to) - clamp(from))).slice(),
    subarray: (from = 0, to: number = length) =>
      createView(memory, {
        constructor,
        offset: offset + clamp(from) * size,
        length: Math.max(0, clamp(to) - clamp(from)),
      }),
    [Symbol.iterator as unknown as string]: () => read(0, length)[Symbol.iterator](),
  };
  const proxy = new Proxy(members, {
    get(_, key) {
      if (typeof key === 'string' && prefixed.test(key)) {
        const index = Number(key);
        return index < length ? read(index, 1)[0] : undefined;
      }
      const member = members[key as string];
      if (member === undefined) throw new Error(`${constructor.name}.${String(key)} is not modelled`);
      return member;
    },
    set(_, key, value: number) {
      if (typeof key !== 'string' || !prefixed.test(key)) return false;
      if (Number(key) < length) write(Number(key), [value]);
      return true;
    },
  });
  views.set(proxy, view);
  return proxy;
}

/** Whether plain accesses to these bytes are steps of their own. */
function isRacing(start: number, end: number, writes: boolean): boolean {
  const { world, hasBegun } = party();
  if (!hasBegun) return false;
  for (let word = start >> 2; word << 2 < end; word++) if (world.races(word, writes)) return true;
  return false;
}

/** Plain loads that race, word by word. */
function readWords(start: number, end: number): Int32Array<ArrayBuffer> {
  const first = start >> 2;
  return Int32Array.from({ length: ((end + 3) >> 2) - first }, (_, at) => readWord(first + at));
}

function readWord(word: number): number {
  const known = party().recall();
  if (known !== undefined) return known.value as number;
  const { index, variables } = party();
  if (!variables.words.has(word)) return party().along(({ memory }) => memory[word]) as number;
  return party().step({
    name: `read ${word}`,
    isAccess: true,
    reads: true,
    ways: (world) => waysToLoad(world, index, word, false),
    make: (world, way) => {
      touches(word, 'reads');
      return load(world, index, word, false, way);
    },
  }) as number;
}

/** Plain stores that race, word by word. */
function writeWords(start: number, bytes: Uint8Array): void {
  const { index, variables } = party();
  for (let word = start >> 2; word << 2 < start + bytes.length; word++) {
    party().step({
      name: `write ${word}`,
      isAccess: true,
      make: (world) => {
        touches(word, 'writes');
        const own = world.sights[index]?.pending.findLast((pending) => pending.word === word)?.value;
        const merged = Int32Array.of(own ?? (world.memory[word] as number));
        const target = new Uint8Array(merged.buffer);
        for (let at = 0; at < 4; at++) {
          const byte = bytes[(word << 2) + at - start];
          if (byte !== undefined) target[at] = byte;
        }
        const [value] = merged as unknown as [number];
        if (value !== world.memory[word]) variables.words.add(word);
        if (world.processor !== undefined) store(world, index, word, value, false);
        else change(world, index, word, value, true);
      },
    });
  }
}

/** Remembers plain accesses, by 32-bit words. */
function touch(accesses: Accesses, start: number, end: number, writes: boolean): void {
  for (let word = start >> 2; word << 2 < end; word++) {
    accesses.set(word, writes || accesses.get(word) === true);
    touches(word, writes ? 'writes' : 'reads');
  }
}

/** @throws {Error} One party accesses plainly what another one is just writing, or the other way round. */
export function checkRaces(one: ReadonlyMap<number, boolean>, other: ReadonlyMap<number, boolean>): void {
  for (const [word, writes] of one) {
    const theirs = other.get(word);
    if (theirs !== undefined && (writes || theirs)) throw new Error(`data race at word ${word}`);
  }
}

/** @throws {Error} An atomic operation on a word that another party just accesses plainly. */
export function checkMixing(accesses: ReadonlyMap<number, boolean>, { word, reads }: Step): void {
  if (word === undefined) return;
  const theirs = accesses.get(word);
  if (theirs === true || (theirs === false && reads !== true)) {
    throw new Error(`data race at word ${word}: plain beside atomic`);
  }
}

/** What a read-modify-write is, wherever its word lies. */
function fence(): void {
  const { index, world } = party();
  if (world.processor === undefined) return;
  party().along((now) => {
    barrier(now, index);
  });
}

type Operation = (words: Int32Array, index: number, ...operands: number[]) => number;

/** `Atomics`, of which each operation on shared memory is a step. On private memory it is what it always is. */
export const modelAtomics: Readonly<Record<string, Operation>> = Object.fromEntries(
  (['load', 'store', 'exchange', 'compareExchange', 'add', 'sub', 'and', 'or', 'xor'] as const).map(
    (name) => {
      const operate: Operation = (words, index, ...operands) =>
        (Atomics[name] as Operation)(words, index, ...operands);
      const atomic: Operation = (words, index, ...operands) => {
        const view = views.get(words);
        if (view === undefined) {
          if (name !== 'load' && name !== 'store') fence();
          return operate(words, index, ...operands);
        }
        const known = party().recall();
        if (known !== undefined) return known.value as number;
        const word = (view.offset >> 2) + index;
        if (view.constructor.BYTES_PER_ELEMENT !== 4 || !(index >= 0 && index < view.length)) {
          throw new RangeError('an atomic access outside of the view');
        }
        // What nobody writes is the same at any time: reading it is no step.
        if (name === 'load' && !party().variables.words.has(word)) {
          return party().along(({ memory }) => memory[word]) as number;
        }
        const { index: by, hasBegun, variables } = party();
        return party().step({
          name: `${name} ${word}${operands.length > 0 ? ` ${operands.join(' ')}` : ''}`,
          isAccess: true,
          reads: name === 'load',
          word,
          ...(name === 'load' ? { ways: (world: World) => waysToLoad(world, by, word, true) } : {}),
          make: (world, way) => {
            const before = world.memory[word] as number;
            if (name === 'load') {
              touches(word, 'reads');
              return load(world, by, word, true, way);
            }
            if (name === 'store' && world.processor === 'armv8' && hasBegun) {
              const [value] = operands as [number];
              if (value !== before) variables.words.add(word);
              store(world, by, word, value | 0, true);
              return value;
            }
            barrier(world, by);
            const after = Int32Array.of(world.memory[word] as number);
            const result = operate(after, 0, ...operands);
            const [value] = after as unknown as [number];
            const overwrites = name === 'store' || name === 'exchange';
            touches(word, overwrites || value !== world.memory[word] ? 'writes' : 'reads');
            if (value !== world.memory[word] && hasBegun) variables.words.add(word);
            change(world, by, word, value, false);
            return result;
          },
        }) as number;
      };
      return [name, atomic];
    },
  ),
);
