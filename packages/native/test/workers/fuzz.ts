/**
 * Calls every function with hostile arguments at random. Arguments: a seed, a number of calls.
 *
 * A number is never an fd of the runtime, only one that was opened here (or 0, which has ended).
 */
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as native from '@ipc/native';

const [seed = '1', calls = '1000'] = process.argv.slice(2);

// xorshift32: the same calls for the same seed.
let state = Number(seed);
const random = (below: number): number => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};

const detached = new Uint8Array(16);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const memfd = native.memfdCreate('fuzz');
native.allocate(memfd, 8192);
const hostileArray: unknown[] = [new Uint8Array(4)];
Object.defineProperty(hostileArray, 1, {
  get: () => {
    throw new Error('from a getter');
  },
});

const opened: number[] = [];
const pool: (() => unknown)[] = [
  ...[
    undefined,
    null,
    true,
    false,
    NaN,
    Infinity,
    -Infinity,
    -1,
    -0,
    0.5,
    1e300,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1n,
  ].map((value) => () => value),
  ...[
    '',
    'x',
    '\0',
    '\0x',
    'a\0b',
    '/x/y/z',
    'shared',
    'stream',
    'send',
    'é'.repeat(60),
    'x'.repeat(100_000),
  ].map((value) => () => value),
  () => 8,
  () => 4096,
  () => 10_000 + random(100), // no fd
  () => opened[random(opened.length)],
  () => Symbol('s'),
  () => ({}),
  () => [],
  () => [0, 1.5, '2'],
  () => hostileArray,
  () => () => undefined,
  () => new Proxy([], {}),
  () => new Proxy(new Uint8Array(4), {}),
  () => detached,
  () => detached.buffer,
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => new DataView(new ArrayBuffer(8)),
  () => new Uint8Array(random(100)),
  () => new Uint8Array(new SharedArrayBuffer(64), 8),
  () => new Int32Array(random(8)),
  () => new Int16Array(random(8)),
  () => new Uint32Array(random(8)),
  () => new Float64Array(8),
  () => Object.create(Uint8Array.prototype) as unknown,
  () => native.map(memfd, 4096),
];

// Not called: what would end, stop or starve this program by doing just what it was told, or leave what nobody can tell from others'.
const excluded = [
  'unavailable',
  'DescriptorStream',
  'setAffinity',
  'claimPath',
  'lock',
  'close',
  'closeAtThreadExit',
  'memfdCreate',
  'splice',
  'allocate',
  'msgGet',
];
const functions = Object.entries(native).filter(
  (entry): entry is [string, (...args: unknown[]) => unknown] =>
    typeof entry[1] === 'function' && !excluded.includes(entry[0]),
);

/** Keeps a call from waiting for ever, which it may: on a word, for an fd, for the other end of a FIFO. */
function bounded(name: string, args: unknown[]): unknown[] {
  const at = { poll: 3, futexWait: 3, open: 1 }[name];
  if (at === undefined || typeof args[at] !== 'number') return args;
  return args.with(at, name === 'open' ? args[at] | constants.O_NONBLOCK : 0);
}

const folder = mkdtempSync(join(tmpdir(), 'ipc-native-fuzz-'));
process.chdir(folder);
try {
  for (let i = 0; i < Number(calls); i++) {
    const [name, call] = functions[random(functions.length)] ?? ['', () => undefined];
    const args = Array.from({ length: random(7) }, () => pool[random(pool.length)]?.());
    try {
      const result = call(...bounded(name, args));
      if (/^(socket|eventfd|open|duplicate|pidfdOpen|shmOpen|mqOpen)$/.test(name))
        opened.push(Number(result));
      if (Array.isArray(result) && /^(pipe|socketPair)$/.test(name)) opened.push(...(result as number[]));
      if (result instanceof ArrayBuffer && name === 'map') native.unmap(result);
      if (name === 'watch') (result as native.Watch).close();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
    while (opened.length > 64) native.close(opened.shift() ?? -1);
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
} finally {
  rmSync(folder, { recursive: true });
}
