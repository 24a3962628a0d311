import { constants } from 'node:fs';
import { expect, test, onTestFinished } from 'vitest';
import {
  MQ_PRIORITY_MAX,
  POLLIN,
  mqAttributes,
  mqOpen,
  mqReceive,
  mqReceiveMany,
  mqSend,
  mqSendMany,
  mqUnlink,
  poll,
} from '@ipc/native';
import { expectNoLeaks, owned, startWorker, thrownBy, uniqueName } from './support.ts';

expectNoLeaks();

const create = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
const text = (message: string): Uint8Array => new TextEncoder().encode(message);

function queue(maxMessages = 4, messageBytes = 64): { fd: number; name: string } {
  const name = uniqueName();
  const fd = owned(mqOpen(name, create, 0o600, maxMessages, messageBytes));
  onTestFinished(() => {
    mqUnlink(name);
  });
  return { fd, name };
}

function receive(fd: number): { message: string; priority: number } | undefined {
  const target = new Uint8Array(64);
  const taken = mqReceive(fd, target, 0, 64);
  if (taken === -1) return undefined;
  const bytes = taken % 2 ** 32;
  return { message: Buffer.from(target.subarray(0, bytes)).toString(), priority: (taken - bytes) / 2 ** 32 };
}

test('takes the highest priority first, equals in order, empty messages too', () => {
  const { fd } = queue();
  expect(receive(fd)).toBeUndefined();
  expect(mqSend(fd, text('low'), 0, 3, 0)).toBe(true);
  expect(mqSend(fd, text('high'), 0, 4, MQ_PRIORITY_MAX)).toBe(true);
  expect(mqSend(fd, text('xmiddlex'), 1, 6, 5)).toBe(true);
  expect(mqSend(fd, new Uint8Array(0), 0, 0, 5)).toBe(true);
  expect(mqAttributes(fd)).toEqual({ maxMessages: 4, messageBytes: 64, currentMessages: 4 });
  expect(mqSend(fd, text('full'), 0, 4, 0)).toBe(false);
  expect(receive(fd)).toEqual({ message: 'high', priority: MQ_PRIORITY_MAX });
  expect(receive(fd)).toEqual({ message: 'middle', priority: 5 });
  expect(receive(fd)).toEqual({ message: '', priority: 5 });
  expect(receive(fd)).toEqual({ message: 'low', priority: 0 });
  expect(receive(fd)).toBeUndefined();
});

test('refuses messages and buffers of the wrong size', () => {
  const { fd } = queue();
  const large = new Uint8Array(128);
  expect(thrownBy(() => mqSend(fd, large, 0, 65, 0))).toMatchObject({ code: 'EMSGSIZE', syscall: 'mq_send' });
  expect(thrownBy(() => mqReceive(fd, large, 0, 63))).toMatchObject({
    code: 'EMSGSIZE',
    syscall: 'mq_receive',
  });
  expect(() => mqSend(fd, large, 0, 1, MQ_PRIORITY_MAX + 1)).toThrow(RangeError);
});

test('sends and takes several at a time, each at a multiple of 8', () => {
  const { fd } = queue(4, 64);
  const lengths = Uint32Array.of(3, 0, 9, 8, 1);
  const source = Uint8Array.from({ length: 64 }, (_, i) => i);
  expect(mqSendMany(fd, source, lengths, 4, 5, 7)).toBe(4); // full
  expect(mqSendMany(fd, source, lengths, 4, 5, 7)).toBe(0);

  const target = new Uint8Array(8 + 4 * 64);
  const taken = new Uint32Array(8);
  const priorities = new Uint32Array(8);
  expect(mqReceiveMany(fd, target, 8, 64, taken, priorities)).toBe(4);
  expect([...taken.subarray(0, 4)]).toEqual([3, 0, 9, 8]);
  expect([...priorities.subarray(0, 4)]).toEqual([7, 7, 7, 7]);
  expect([...target.subarray(8, 11)]).toEqual([4, 5, 6]);
  expect([...target.subarray(16, 25)]).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16]);
  expect([...target.subarray(32, 40)]).toEqual([24, 25, 26, 27, 28, 29, 30, 31]);
  expect(mqReceiveMany(fd, target, 8, 64, taken, priorities)).toBe(0);
});

test('several at a time: as many as there is memory and room for', () => {
  const { fd } = queue(4, 64);
  const source = new Uint8Array(40);
  expect(mqSendMany(fd, source, Uint32Array.of(8, 8, 25), 0, 3, 0)).toBe(2); // the third would reach over the end
  expect(() => mqSendMany(fd, source, Uint32Array.of(41), 0, 1, 0)).toThrow(RangeError);
  expect(mqSendMany(fd, source, Uint32Array.of(40), 0, 1, 0)).toBe(1);
  expect(mqSendMany(fd, new Uint8Array(0), Uint32Array.of(0), 0, 1, 0)).toBe(1);
  const taken = new Uint32Array(8);
  expect(mqReceiveMany(fd, new Uint8Array(63), 0, 64, taken, taken)).toBe(0);
  expect(mqReceiveMany(fd, new Uint8Array(119), 0, 64, taken, new Uint32Array(8))).toBe(3);
  expect(mqReceiveMany(fd, new Uint8Array(200), 0, 64, taken, new Uint32Array(1))).toBe(1);
  const large = new Uint8Array(65);
  expect(thrownBy(() => mqSendMany(fd, large, Uint32Array.of(65), 0, 1, 0))).toMatchObject({
    code: 'EMSGSIZE',
  });
  expect(mqSendMany(fd, new Uint8Array(80), Uint32Array.of(1, 65), 0, 2, 0)).toBe(1);
  expect(thrownBy(() => mqReceiveMany(fd, large, 0, 63, taken, taken))).toMatchObject({
    code: 'EMSGSIZE',
    syscall: 'mq_receive',
  });
});

test('a queue that exists keeps its attributes; its mode of opening holds', () => {
  const { fd, name } = queue();
  mqSend(fd, text('x'), 0, 1, 0);
  const reader = owned(mqOpen(name, constants.O_RDONLY | constants.O_CREAT, 0o600, 2, 8));
  expect(mqAttributes(reader)).toEqual({ maxMessages: 4, messageBytes: 64, currentMessages: 1 });
  expect(thrownBy(() => mqSend(reader, text('x'), 0, 1, 0))).toMatchObject({ code: 'EBADF' });
  expect(thrownBy(() => mqOpen(name, create, 0o600))).toMatchObject({
    code: 'EEXIST',
    syscall: 'mq_open',
    message: `EEXIST: file exists, mq_open '${name}'`,
  });
});

test('names and limits are refused as the system does', () => {
  expect(thrownBy(() => mqOpen('no-slash', create, 0o600))).toMatchObject({ code: 'EINVAL' });
  expect(thrownBy(() => mqOpen('/two/slashes', create, 0o600))).toMatchObject({ code: 'EACCES' });
  expect(thrownBy(() => mqOpen(uniqueName(), constants.O_RDWR, 0))).toMatchObject({
    code: 'ENOENT',
    errno: -2,
  });
  expect(thrownBy(() => mqOpen(`/${'n'.repeat(300)}`, create, 0o600))).toMatchObject({
    code: 'ENAMETOOLONG',
  });
  expect(
    thrownBy(() => {
      mqUnlink(uniqueName());
    }),
  ).toMatchObject({ code: 'ENOENT', syscall: 'mq_unlink' });
  expect(() => mqOpen(uniqueName(), create, 0o600, 4)).toThrow(TypeError);
});

test('its descriptor can be polled, and carries what another process sent', async () => {
  const { fd, name } = queue();
  const revents = new Int16Array(1);
  expect(poll(new Int32Array([fd]), new Int16Array([POLLIN]), revents, 0)).toBe(0);
  const worker = startWorker('mq-send', [name]);
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect(poll(new Int32Array([fd]), new Int16Array([POLLIN]), revents, -1)).toBe(1);
  expect(receive(fd)).toEqual({ message: 'from a child', priority: 3 });
});
