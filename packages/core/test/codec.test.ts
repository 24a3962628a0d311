import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, json, memory, structuredClone, utf8, withCodec, type Channel, type Codec } from '@ipc/core';

async function carry<T>(codec: Codec<T>, values: readonly T[]): Promise<T[]> {
  const transport = memory();
  await using listener = await transport.listen('codec');
  await using a = withCodec(await transport.connect('codec'), codec);
  await using b = withCodec(await listener.accept(), codec);
  await a.sendMany(values);
  const received: T[] = [];
  while (received.length < values.length) received.push((await b.receive()) as T);
  return received;
}

test('bytes, text, JSON and structured clones come out as they went in', async () => {
  expect(await carry(bytes, [Uint8Array.of(1, 2)])).toEqual([Uint8Array.of(1, 2)]);
  expect(await carry(utf8, ['', 'grüße', '\ufeffbom', '😀'])).toEqual(['', 'grüße', '\ufeffbom', '😀']);
  expect(await carry(json<unknown>(), [{ n: 1, a: [null, 'x'] }, 0, null])).toEqual([
    { n: 1, a: [null, 'x'] },
    0,
    null,
  ]);
  const clone = {
    map: new Map([[1, new Set(['a'])]]),
    big: 12n,
    at: new Date(5),
    bytes: Uint8Array.of(9),
    cycle: {} as unknown,
  };
  clone.cycle = clone;
  expect(await carry(structuredClone<unknown>(), [clone])).toEqual([clone]);
});

test('any JSON value survives', () => {
  const codec = json<unknown>();
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(codec.decode(codec.encode(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('malformed input is ERR_IPC_CORRUPT; the message is consumed and the channel stays usable', async () => {
  const transport = memory();
  await using listener = await transport.listen('corrupt');
  await using raw: Channel = await transport.connect('corrupt');
  await using typed = withCodec(await listener.accept(), json<number>());
  await raw.sendMany([
    Uint8Array.of(0xff),
    utf8.encode('{'),
    utf8.encode('7'),
    Uint8Array.of(0xff),
    utf8.encode('8'),
  ]);
  await expect(typed.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  await expect(typed.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  expect(await typed.receive()).toBe(7);
  expect(() => typed.tryReceive()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
  expect(typed.tryReceive()).toBe(8);
});

test('a value that JSON cannot carry is a TypeError and nothing is sent', async () => {
  const transport = memory();
  await using listener = await transport.listen('unencodable');
  await using a = withCodec(await transport.connect('unencodable'), json<unknown>());
  await using b = withCodec(await listener.accept(), json<unknown>());
  await expect(a.send(undefined)).rejects.toThrow(TypeError);
  expect(() => a.trySend(() => 1)).toThrow(TypeError);
  a.trySend(1);
  expect(await b.receive()).toBe(1);
});

test('a typed channel ends its direction and reads the answers (C15)', async () => {
  const transport = memory();
  await using listener = await transport.listen('typed-end');
  await using a = withCodec(await transport.connect('typed-end'), json<number>());
  await using b = withCodec(await listener.accept(), json<number>());
  await a.send(1);
  await a.end();
  expect(await b.receive()).toBe(1);
  expect(await b.receive()).toBeUndefined();
  await b.send(2);
  expect(await a.receive()).toBe(2);
  await expect(a.send(3)).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
});

test('typed halves drain, batch, flush, iterate and close like byte halves', async () => {
  const transport = memory();
  await using listener = await transport.listen('typed');
  const a = withCodec(await transport.connect('typed'), json<number>());
  await using b = withCodec(await listener.accept(), json<number>());
  expect(a.trySendMany([0, 1, 2], 1)).toBe(2);
  await a.flush();
  const drained: number[] = [];
  expect(b.drain((value) => drained.push(value))).toBe(2);
  expect(drained).toEqual([1, 2]);
  await a.send(3);
  await a.close();
  const rest: number[] = [];
  for await (const value of b) rest.push(value);
  expect(rest).toEqual([3]);
});
