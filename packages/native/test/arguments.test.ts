/** Every function × every argument × every wrong kind: a TypeError or RangeError that names the argument, never an abort. */
import { describe, expect, test } from 'vitest';
import * as exported from '@ipc/native';
import { close, eventfd, unavailable } from '@ipc/native';
import { startWorker } from './support.ts';

const wrongKinds = [
  undefined,
  null,
  true,
  {},
  [],
  1n,
  Symbol('s'),
  () => 1,
  new Date(0),
  new DataView(new ArrayBuffer(8)),
];
const noNumbers = [...wrongKinds, '1', new Uint8Array(8)];
const integer = (minimum: number, maximum: number): Kind => ({
  good: minimum,
  types: noNumbers,
  ranges: [minimum - 1, maximum + 1, minimum + 0.5, NaN, Infinity, -Infinity, -1e300],
});
const view = (good: ArrayBufferView): Kind => ({
  good,
  types: [...wrongKinds, 1, 'text', new Float64Array(8), new Uint8ClampedArray(8), new ArrayBuffer(8)],
  ranges: [],
});
const choice = (good: string): Kind => ({
  good,
  types: [...wrongKinds, 1, '', good.toUpperCase(), 'x'.repeat(100)],
  ranges: [],
});

/** An argument: a value that is right, values that are TypeErrors, values that are RangeErrors. */
interface Kind {
  readonly good: unknown;
  readonly types: readonly unknown[];
  readonly ranges: readonly unknown[];
  readonly optional?: boolean;
}

const int = 2 ** 31 - 1;
const fd = integer(0, int);
const optional = (kind: Kind): Kind => ({ ...kind, optional: true });
const positive = integer(1, Number.MAX_SAFE_INTEGER);
const natural = integer(0, Number.MAX_SAFE_INTEGER);
const flags = integer(0, int);
const mode = integer(0, 0o7777);
const boolean: Kind = { good: true, types: [null, 1, 'true', {}, [], 1n, Symbol('s')], ranges: [] };
const requiredBoolean: Kind = { ...boolean, types: [undefined, ...boolean.types] };
const path: Kind = {
  good: '/no/such/folder/file',
  types: [...wrongKinds, 1, 'nul\0inside', new Uint8Array(4)],
  ranges: [],
};
const address: Kind = {
  good: '/no/such/folder/socket',
  types: [...wrongKinds, 1, 'nul\0inside', new Int8Array(4)],
  ranges: ['', new Uint8Array(0)],
};
const array = (longest: number): Kind => ({
  good: [],
  types: [null, true, {}, 1n, Symbol('s'), () => 1, 1, 'text', [undefined], ['1'], [{}], new Int32Array(2)],
  ranges: [[-1], [1.5], [NaN], [2 ** 31], Array(longest + 1).fill(0)],
});
const timeout: Kind = { good: 0, types: noNumbers, ranges: [-0.5, -2, NaN, Infinity, -Infinity] };
const bytes = view(new Uint8Array(8));
const offset: Kind = { good: 0, types: noNumbers, ranges: [-1, 9, 0.5, NaN, Infinity, 2 ** 53] };
const words = view(new Int32Array(4));
const mapping: Kind = {
  good: new ArrayBuffer(8),
  types: [...wrongKinds, 'text', new ArrayBuffer(8)],
  ranges: [],
};
const callback: Kind = {
  good: () => undefined,
  types: [undefined, null, true, {}, [], 1n, 1, 'text'],
  ranges: [],
};
const sources: Kind = {
  good: [],
  types: [null, undefined, {}, 1, 'text', [1], [null], [undefined], [new Int32Array(1)], new Uint8Array(4)],
  ranges: [],
};

const messageType = (minimum: number): Kind => integer(minimum, Number.MAX_SAFE_INTEGER);
const wantedType: Kind = { ...messageType(1), ranges: [0.5, NaN, 2 ** 53, -(2 ** 53), Infinity] };
const types: Kind = { good: new Float64Array(1), types: [...wrongKinds, 1, new Int32Array(1)], ranges: [] };

const signatures: Record<string, readonly Kind[]> = {
  accept: [fd],
  addSeals: [fd, flags],
  advise: [mapping, choice('normal')],
  affinity: [],
  allocate: [fd, positive],
  bind: [fd, address],
  bytesReadable: [fd],
  claimAbandonedPath: [path],
  claimPath: [path],
  close: [fd],
  closeAtThreadExit: [fd, optional(boolean)],
  connect: [fd, address],
  currentCpu: [],
  duplicate: [fd],
  eventfd: [integer(0, 2 ** 32 - 1)],
  flock: [fd, choice('shared')],
  futexWait: [words, integer(0, 3), integer(-(2 ** 31), int), timeout],
  futexWake: [words, integer(0, 3), integer(0, int)],
  getSeals: [fd],
  linkDescriptor: [fd, path],
  listen: [fd, integer(0, int)],
  lock: [mapping],
  lostPages: [mapping],
  map: [fd, positive],
  memfdCreate: [{ ...path, good: 'x' }, optional(integer(0, 2 ** 32 - 1))],
  messageBox: [integer(0, int), integer(0, int - 16), wantedType],
  messageWaiter: [integer(0, int), fd],
  mkfifo: [path, mode],
  mqAttributes: [fd],
  mqOpen: [path, flags, mode, integer(1, int), integer(1, int)],
  mqReceive: [fd, bytes, offset, offset],
  mqReceiveMany: [fd, bytes, offset, integer(1, int), view(new Uint32Array(1)), view(new Uint32Array(1))],
  mqSend: [fd, bytes, offset, offset, integer(0, 32_767)],
  mqSendMany: [fd, bytes, view(new Uint32Array(2)), offset, integer(0, 2), integer(0, 32_767)],
  mqUnlink: [path],
  msgGet: [integer(-(2 ** 31), int), flags],
  msgReceive: [integer(0, int), bytes, offset, offset, wantedType, types],
  msgRemove: [integer(0, int)],
  msgSend: [integer(0, int), bytes, offset, offset, messageType(1)],
  msgStatus: [integer(0, int)],
  ofdHolder: [fd, choice('shared'), natural, natural],
  ofdLock: [fd, choice('shared'), natural, natural],
  open: [path, flags, optional(mode)],
  peerCredentials: [fd],
  peerPidfd: [fd],
  pidfdOpen: [integer(1, int)],
  pipe: [],
  pipeCapacity: [fd],
  poll: [view(new Int32Array(0)), view(new Int16Array(0)), view(new Int16Array(0)), timeout],
  read: [fd, bytes, offset, offset],
  readPair: [fd, bytes, offset, bytes, offset],
  receiveMessage: [fd, bytes, offset, offset, integer(0, 253)],
  receiveMessages: [fd, bytes, integer(1, int), view(new Int32Array(2)), optional(bytes)],
  semOpen: [path, flags, mode, integer(0, int)],
  semUnlink: [path],
  sendMessage: [fd, bytes, offset, offset, optional(array(253))],
  sendMessages: [fd, bytes, view(new Int32Array(2)), integer(0, 2), integer(0, 2)],
  setAffinity: [array(8192)],
  setCloseOnExec: [fd, requiredBoolean],
  setNonBlocking: [fd, requiredBoolean],
  setPipeCapacity: [fd, integer(1, int)],
  setSocketBuffer: [fd, choice('send'), integer(0, int)],
  shmOpen: [path, flags, mode],
  shmUnlink: [path],
  shutdown: [fd, choice('both')],
  socket: [choice('stream')],
  socketBuffer: [fd, choice('send')],
  socketPair: [choice('stream')],
  splice: [fd, fd, integer(0, int)],
  sync: [mapping, offset, offset],
  tee: [fd, fd, integer(0, int)],
  threadId: [],
  unmap: [mapping],
  unreadBytes: [fd],
  watch: [fd, callback],
  write: [fd, bytes, offset, offset],
  writePair: [fd, bytes, offset, bytes],
  writev: [fd, sources],
};

const functions = Object.entries(exported).filter(
  (entry): entry is [string, (...args: unknown[]) => unknown] =>
    typeof entry[1] === 'function' && !['DescriptorStream', 'unavailable'].includes(entry[0]),
);

test('the table has every function, and the addon is there', () => {
  expect(functions.map(([name]) => name).sort()).toEqual(Object.keys(signatures));
  expect(unavailable()).toBeUndefined();
});

describe.each(functions)('%s', (name, call) => {
  const kinds = signatures[name] ?? [];
  // The functions that check a whole mapping first never get as far as what follows it.
  const checked = kinds[0] === mapping ? kinds.slice(0, 1) : kinds;

  test.each(checked.map((kind, index) => ({ kind, index })))('argument $index', ({ kind, index }) => {
    const unused = eventfd(0); // no pipe, socket, file or queue: nothing happens to it, were a wrong call let through
    const attempt = (value: unknown): void => {
      call(
        ...kinds.map(({ good }, at) =>
          at === index ? value : good === 0 && kinds[at] === fd ? unused : good,
        ),
      );
    };
    for (const value of kind.types) {
      if (value === undefined && kind.optional === true) continue;
      expect(
        () => {
          attempt(value);
        },
        typeof value,
      ).toThrow(TypeError);
    }
    for (const value of kind.ranges)
      expect(() => {
        attempt(value);
      }, String(value)).toThrow(RangeError);
    close(unused);
  });

  test('too few arguments', () => {
    if (kinds.length === 0) return;
    expect(() => call()).toThrow(TypeError);
  });
});

test('options that are no booleans, or no offset', () => {
  const { pipe, map } = exported;
  for (const value of boolean.types.slice(1)) {
    expect(() => pipe({ packet: value as boolean })).toThrow(TypeError);
    expect(() => map(0, 4096, { readOnly: value as boolean })).toThrow(TypeError);
    expect(() => map(0, 4096, { populate: value as boolean })).toThrow(TypeError);
  }
  for (const value of [-1, 0.5, NaN]) expect(() => map(0, 4096, { offset: value })).toThrow(RangeError);
});

test('the message names the argument, what is right, and what came', () => {
  const { read, futexWake, flock } = exported;
  const target = new Uint8Array(8);
  expect(() => read(-1, target, 0, 8)).toThrow('fd: expected an integer from 0 to 2147483647, got -1');
  expect(() => read(0, target, 4, 5)).toThrow(
    'offset 4, length 5: expected integers that lie inside the 8 bytes',
  );
  expect(() => read(0, [] as unknown as Uint8Array, 0, 0)).toThrow('bytes: expected a Uint8Array');
  expect(() => futexWake(new Int32Array(4), 4, 1)).toThrow('index: expected an integer from 0 to 3, got 4');
  expect(() => flock(0, 'both' as 'shared')).toThrow("kind: expected one of 'shared', 'exclusive', 'unlock'");
});

test('30,000 calls with arguments at random never abort the process', async () => {
  const worker = startWorker('fuzz', ['1', '30000']);
  const { code, signal, stderr } = await worker.ended;
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
});
