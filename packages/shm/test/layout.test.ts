import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layout, Region, type Fields } from '@ipc/shm';
import { noLeaks, python, uniqueName } from '@ipc/testkit';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';

noLeaks();

const fields = {
  side: 'u8',
  price: 'f64',
  quantity: 'u32',
  name: 'utf8[5]',
  at: 'i64',
  raw: 'bytes[3]',
} as const;
const quote = layout(fields);

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ipc-layout-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

test('fields lie as a C compiler puts them', () => {
  expect(quote.offsets).toEqual({ side: 0, price: 8, quantity: 16, name: 20, at: 32, raw: 40 });
  expect(quote.bytes).toBe(48);
  expect(quote.alignment).toBe(8);
  expect(quote.text.split('\n')[1]).toBe('price: f64 @ 8');
});

test('accessors read and write little-endian memory, and move along an array', () => {
  using region = Region.anonymous({ kind: 'quotes', bytes: 2 * quote.bytes });
  const first = quote.at(region.view);
  Object.assign(first, {
    side: 255,
    price: -1.5,
    quantity: 4e9,
    name: 'für',
    at: -(2n ** 63n),
    raw: Uint8Array.of(1, 2, 3),
  });
  expect(region.view.getFloat64(8, true)).toBe(-1.5);
  const again = quote.at(region.view);
  expect([again.side, again.price, again.quantity, again.name, again.at, again.raw]).toEqual([
    255,
    -1.5,
    4_000_000_000,
    'für',
    -(2n ** 63n),
    Uint8Array.of(1, 2, 3),
  ]);
  again.$offset = quote.bytes;
  again.name = 'abcde';
  expect(again.name).toBe('abcde');
  again.name = 'a';
  expect(again.name).toBe('a');
  expect(first.name).toBe('für');
  for (const offset of [1, 4, -48, 96, 0.5, NaN]) expect(() => (again.$offset = offset)).toThrow(RangeError);
  expect(() => (again.name = 'äöü')).toThrow(RangeError);
  expect(() => (again.raw = new Uint8Array(2))).toThrow(RangeError);
});

test('numbers in a layout are read and written without allocation', () => {
  const script = fileURLToPath(new URL('../dist-test/workers/layout-heap.js', import.meta.url));
  const { records, heapBytes } = JSON.parse(
    execFileSync(process.execPath, ['--min-semi-space-size=256', '--max-semi-space-size=256', script], {
      encoding: 'utf8',
    }),
  ) as { readonly records: number; readonly heapBytes: number };
  expect(heapBytes / records).toBeLessThan(1); // the smallest object has 16, and nothing is collected meanwhile
});

test('bad declarations are refused', () => {
  expect(() => layout({ 'a b': 'u8' })).toThrow(TypeError);
  expect(() => layout({ a: 'u9' as 'u8' })).toThrow(TypeError);
  expect(() => layout({ a: 'toString' as 'u8' })).toThrow(TypeError);
  expect(() => layout({ a: 'utf8[0]' })).toThrow(RangeError);
});

describe('two programs that disagree about a layout do not share a region, and learn in what', () => {
  test.each([
    [{ ...fields, side: 'i8' }, ['side is u8, expected i8']],
    [
      { ...fields, price: 'f32' },
      ['price is f64 at 8, expected f32 at 4', 'quantity is at 16, expected at 8'],
    ],
    [
      { side: 'u8', price: 'f64' },
      ['has a field quantity (u32 at 16) that is not expected', 'bytes, expected 16'],
    ],
    [{ ...fields, extra: 'u8' }, ['lacks the field extra (u8 at 43)']],
    [
      { ...fields, raw: 'bytes[20]' },
      ['raw is bytes[3], expected bytes[20]', 'a struct has 48 bytes, expected 64'],
    ],
    [{ a: 'u8', b: 'u8', c: 'u8', d: 'u8' }, ['has a field side (u8 at 0)', 'and 3 more']],
  ] as const)('%#', (other, differences) => {
    const name = uniqueName('layout');
    const options = { kind: 'quotes', bytes: 48 } as const;
    using region = Region.create(name, { ...options, layout: quote, lifetime: 'while-open' });
    expect(region.layoutText).toBe(quote.text);
    Region.open(name, { ...options, layout: layout(fields) }).close();
    Region.open(name, options).close();
    for (const difference of differences) {
      expect(() => Region.open(name, { ...options, layout: layout(other) })).toThrow(
        expect.objectContaining({
          code: 'ERR_IPC_MISMATCH',
          message: expect.stringContaining(difference) as string,
        }),
      );
    }
  });
});

test('a layout text that is not what the header says is damage', () => {
  const name = uniqueName('layout');
  using region = Region.create(name, { kind: 'quotes', bytes: 48, layout: quote, lifetime: 'while-open' });
  const text = new Uint8Array(region.buffer, region.offset + region.bytes);
  text[0] = 33;
  expect(() => Region.open(name, { kind: 'quotes' })).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }),
  );
});

test('a field may have any name that is one, and C and Python say which are not', () => {
  const odd = layout({ view: 'u32', offset: 'u32', constructor: 'u32', int: 'u32' });
  const struct = odd.at(new DataView(new ArrayBuffer(odd.bytes)));
  Object.assign(struct, { view: 1, offset: 2, constructor: 3, int: 4 });
  expect([struct.view, struct.offset, struct.constructor, struct.int]).toEqual([1, 2, 3, 4]);
  expect(() => odd.toC('odd')).toThrow(TypeError);
  expect(() => odd.toPython('Odd')).toThrow(TypeError);
  expect(() => quote.toC('a b')).toThrow(TypeError);
});

test('the C header compiles, and C finds every field where it was written', () => {
  const path = folder();
  writeFileSync(join(path, 'quote.h'), quote.toC('quote'));
  writeFileSync(
    join(path, 'main.c'),
    '#include <stdio.h>\n#include "quote.h"\nint main(void){struct quote q;fread(&q,sizeof q,1,stdin);' +
      'printf("%u %g %u %.5s %lld %u",q.side,q.price,q.quantity,q.name,(long long)q.at,q.raw[2]);}',
  );
  execFileSync('cc', [
    '-std=c11',
    '-Wall',
    '-Wextra',
    '-Wno-unused-result',
    '-o',
    join(path, 'main'),
    join(path, 'main.c'),
  ]);
  const memory = new DataView(new ArrayBuffer(quote.bytes));
  Object.assign(quote.at(memory), {
    side: 7,
    price: 2.5,
    quantity: 9,
    name: 'abcde',
    at: -3n,
    raw: Uint8Array.of(1, 2, 77),
  });
  const output = execFileSync(join(path, 'main'), { input: new Uint8Array(memory.buffer), encoding: 'utf8' });
  expect(output).toBe('7 2.5 9 abcde -3 77');
});

test('the Python class has the same size and offsets, for any fields', (context) => {
  context.skip(python === undefined, 'no Python 3');
  const types = [
    'i8',
    'u8',
    'i16',
    'u16',
    'i32',
    'u32',
    'i64',
    'u64',
    'f32',
    'f64',
    'utf8[3]',
    'bytes[5]',
  ] as const;
  const layouts = fc.sample(fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 12 }), {
    numRuns: 30,
    seed: 1,
  });
  const declared = layouts.map((all) => layout(Object.fromEntries(all.map((type, i) => [`f${i}`, type]))));
  const script = declared.map(
    (it, i) =>
      `${it.toPython(`L${i}`)}\nprint(ctypes.sizeof(L${i}), *[getattr(L${i}, f[0]).offset for f in L${i}._fields_])`,
  );
  const output = execFileSync(python as string, ['-'], { input: script.join('\n'), encoding: 'utf8' });
  expect(output.trim().split('\n')).toEqual(
    declared.map((it) => [it.bytes, ...Object.values(it.offsets)].join(' ')),
  );
});

interface LayoutVector {
  readonly what: string;
  readonly fields: Fields;
  readonly bytes: number;
  readonly alignment: number;
  readonly offsets: Readonly<Record<string, number>>;
  readonly text: string;
  readonly hash: string;
  readonly values: Readonly<Record<string, string | number>>;
  readonly memory: string;
}

describe('layout.json', () => {
  const { layouts } = JSON.parse(
    readFileSync(new URL('../../../docs/wire-formats/layout.json', import.meta.url), 'utf8'),
  ) as { readonly layouts: readonly LayoutVector[] };

  test.each(layouts)('$what', (vector) => {
    const declared = layout(vector.fields);
    expect(declared).toMatchObject({
      bytes: vector.bytes,
      alignment: vector.alignment,
      offsets: vector.offsets,
      text: vector.text,
    });
    expect(Buffer.from(declared.hash).toString('hex')).toBe(vector.hash);
    const memory = new Uint8Array(declared.bytes);
    const struct = declared.at(new DataView(memory.buffer)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(vector.values)) {
      const type = vector.fields[name] as string;
      if (type.startsWith('bytes')) struct[name] = new Uint8Array(Buffer.from(String(value), 'hex'));
      else struct[name] = type.endsWith('64') && !type.startsWith('f') ? BigInt(value) : value;
    }
    expect(Buffer.from(memory).toString('hex')).toBe(vector.memory);
  });
});
