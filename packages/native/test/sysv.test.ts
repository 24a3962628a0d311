import {
  close,
  eventfd,
  IPC_CREAT,
  IPC_EXCL,
  messageBox,
  messageWaiter,
  msgGet,
  msgReceive,
  msgRemove,
  msgSend,
  msgStatus,
  poll,
  POLLIN,
} from '@ipc/native';
import { expect, test } from 'vitest';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** A private queue and what waits for it; both gone at the end. */
function opened(): { id: number; fd: number; readable(timeoutMs: number): boolean } & Disposable {
  const id = msgGet(0, 0o600);
  const fd = eventfd(0);
  return {
    id,
    fd,
    readable: (timeoutMs) =>
      poll(Int32Array.of(fd), Int16Array.of(POLLIN), new Int16Array(1), timeoutMs) === 1,
    [Symbol.dispose]() {
      close(fd);
      try {
        msgRemove(id);
      } catch {
        // the test did
      }
    },
  };
}

test('carries messages of any type, empty ones too, and selects by type', () => {
  using queue = opened();
  const target = new Uint8Array(16);
  const type = new Float64Array(1);
  for (const [n, of] of [3, 1, 2 ** 40, 1].entries())
    expect(msgSend(queue.id, bytes(n), 0, 1, of)).toBe(true);
  expect(msgSend(queue.id, bytes(), 0, 0, 9)).toBe(true);
  expect(msgStatus(queue.id)).toMatchObject({ messages: 5, bytes: 4 });
  const receive = (wanted: number): (number | undefined)[] => [
    msgReceive(queue.id, target, 0, 16, wanted, type),
    type[0],
    target[0],
  ];
  expect(receive(2 ** 40)).toEqual([1, 2 ** 40, 2]);
  expect(receive(-5)).toEqual([1, 1, 1]);
  expect(receive(0)).toEqual([1, 3, 0]);
  expect(receive(9).slice(0, 2)).toEqual([0, 9]);
  expect(receive(7)[0]).toBe(-1);
  expect(receive(0)).toEqual([1, 1, 3]);
});

test('says full, too long, existing, missing', () => {
  using queue = opened();
  const type = new Float64Array(1);
  let sent = 0;
  while (msgSend(queue.id, new Uint8Array(1024), 0, 1024, 1)) sent++;
  expect(sent).toBe(Math.floor(msgStatus(queue.id).maxBytes / 1024));
  expect(() => msgReceive(queue.id, new Uint8Array(8), 0, 8, 0, type)).toThrow(
    expect.objectContaining({ code: 'E2BIG' }),
  );
  const key = 0x1bc00000 + (process.pid & 0xfffff);
  expect(() => msgGet(key, 0)).toThrow(expect.objectContaining({ code: 'ENOENT', syscall: 'msgget' }));
  const id = msgGet(key, IPC_CREAT | IPC_EXCL | 0o600);
  expect(() => msgGet(key, IPC_CREAT | IPC_EXCL)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  msgRemove(id);
  expect(() => msgStatus(id)).toThrow(expect.objectContaining({ errno: expect.any(Number) as number }));
});

test('a box carries messages by memory of its own, and says full, empty, too long', () => {
  using queue = opened();
  const { memory, send, receive } = messageBox(queue.id, 1024, -(2 ** 40));
  const [types, payload] = [new BigInt64Array(memory, 0, 1), new Uint8Array(memory, 8)];
  expect(payload.length).toBe(1024);
  for (const [type, length] of [
    [2n ** 40n, 1024],
    [3n, 0],
  ] as const) {
    types[0] = type;
    payload.fill(length === 0 ? 0 : 7);
    expect(send(length)).toBe(true);
  }
  types[0] = 2n ** 41n; // not wanted
  expect(send(1)).toBe(true);
  payload.fill(0);
  expect([receive(), types[0]]).toEqual([0, 3n]);
  expect([receive(), types[0], payload[1023]]).toEqual([1024, 2n ** 40n, 7]);
  expect(receive()).toBe(-1);

  for (const wrong of [-1, 1025, 0.5, NaN]) expect(() => send(wrong)).toThrow(RangeError);
  expect(() => send('1' as unknown as number)).toThrow(TypeError);
  types[0] = 0n;
  expect(() => send(1)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'msgsnd' }));
  types[0] = 1n;
  while (send(1024));
  expect(messageBox(queue.id, 1024, 0).receive()).toBe(1);
  expect(() => messageBox(queue.id, 8, 0).receive()).toThrow(expect.objectContaining({ code: 'E2BIG' }));
});

test('a waiter tells of a message and leaves it where it is', () => {
  using queue = opened();
  const waiter = messageWaiter(queue.id, queue.fd);
  waiter.wait(-5);
  expect(queue.readable(10)).toBe(false);
  msgSend(queue.id, bytes(1), 0, 1, 6);
  expect(queue.readable(10)).toBe(false);
  msgSend(queue.id, bytes(2), 0, 1, 4);
  expect(queue.readable(-1)).toBe(true);
  expect(msgStatus(queue.id).messages).toBe(2);
  expect(waiter.taken()).toBe(0);
  waiter.close();
});

test('a waiter takes an empty message, and tells its type once', () => {
  using queue = opened();
  const waiter = messageWaiter(queue.id, queue.fd);
  msgSend(queue.id, bytes(), 0, 0, 6);
  waiter.wait(0);
  expect(queue.readable(-1)).toBe(true);
  expect([waiter.taken(), waiter.taken()]).toEqual([6, 0]);
  waiter.close();
});

test('a waiter tells that the queue is gone', () => {
  using queue = opened();
  const waiter = messageWaiter(queue.id, queue.fd);
  waiter.wait(0);
  expect(queue.readable(10)).toBe(false);
  msgRemove(queue.id);
  expect(queue.readable(-1)).toBe(true);
  waiter.close();
});

test('a waiter is closed at once, waiting or not, and twice', () => {
  using queue = opened();
  for (let i = 0; i < 200; i++) {
    const waiter = messageWaiter(queue.id, queue.fd);
    if (i % 2 === 0) waiter.wait(0);
    waiter.close();
    waiter.close();
    expect(() => {
      waiter.wait(0);
    }).toThrow(expect.objectContaining({ code: 'EBADF' }));
  }
});
