import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { PassThrough, pipeline as pipe } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import {
  channelFromDuplex,
  memory,
  toDuplex,
  toReadable,
  toReadableStream,
  toWritable,
  toWritableStream,
  type Channel,
} from '@ipc/core';

async function channels(): Promise<[Channel, Channel]> {
  const transport = memory({ capacity: 4 });
  const listener = await transport.listen('streams');
  const pair: [Channel, Channel] = [await transport.connect('streams'), await listener.accept()];
  await listener.close();
  return pair;
}

const numbers = Array.from({ length: 100 }, (_, i) => Uint8Array.of(i));

test('a pipeline of Node streams carries every message, with backpressure, to the clean end', async () => {
  const [a, b] = await channels();
  const received: Uint8Array[] = [];
  const sink = (async () => {
    for await (const message of toReadable(b)) received.push(message as Uint8Array);
  })();
  await pipeline(numbers, toWritable(a));
  await sink;
  expect(received).toEqual(numbers);
  await b.close();
});

test('a Duplex sends and receives', async () => {
  const [a, b] = await channels();
  const duplex = toDuplex(a);
  duplex.write(Uint8Array.of(1));
  expect(await b.receive()).toEqual(Uint8Array.of(1));
  await b.send(Uint8Array.of(2));
  expect((await once(duplex, 'data'))[0]).toEqual(Uint8Array.of(2));
  duplex.destroy();
  expect(await b.receive()).toBeUndefined();
  await b.close();
});

test('a Duplex that ends its writable side still reads, and destroys itself when both have ended', async () => {
  const [a, b] = await channels();
  const duplex = toDuplex(a);
  duplex.end(Uint8Array.of(1));
  expect(await b.receive()).toEqual(Uint8Array.of(1));
  expect(await b.receive()).toBeUndefined();
  await b.send(Uint8Array.of(2));
  expect((await once(duplex, 'data'))[0]).toEqual(Uint8Array.of(2));
  const destroyed = once(duplex, 'close');
  await b.close();
  await destroyed;
  expect(await a.closed).toBeUndefined();
});

test('destroying a Writable with an error gives up flushing', async () => {
  const [a, b] = await channels();
  const writable = toWritable(a);
  writable.on('error', () => undefined);
  for (let i = 0; i < 10; i++) writable.write(Uint8Array.of(i)); // more than the transport holds
  writable.destroy(new Error('enough'));
  await a.closed;
  await b.close();
});

test('Web streams carry every message to the clean end; cancelling closes', async () => {
  const [a, b] = await channels();
  const received: Uint8Array[] = [];
  const reading = (async () => {
    for await (const message of toReadableStream(b)) received.push(message);
  })();
  const writer = toWritableStream(a).getWriter();
  for (const message of numbers) await writer.write(message);
  await writer.close();
  await reading;
  expect(received).toEqual(numbers);

  const [c, d] = await channels();
  await toReadableStream(d).cancel();
  await expect(c.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  await toWritableStream(c).abort('enough');
});

test('channels speak frames over any Node byte stream', async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection');
  const near = channelFromDuplex(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  const [socket] = (await accepted) as [Socket];
  const far = channelFromDuplex(socket);
  const large = new Uint8Array(1 << 20).fill(7);
  await near.sendMany([Uint8Array.of(1), large]);
  expect(await far.receive()).toEqual(Uint8Array.of(1));
  expect(Buffer.compare((await far.receive()) as Uint8Array, large)).toBe(0);
  await far.send(new Uint8Array(0));
  await far.close();
  expect(await near.receive()).toEqual(new Uint8Array(0));
  expect(await near.receive()).toBeUndefined();
  await near.close();
  server.close();
});

test('a stream that does not carry bytes is refused, not misread', async () => {
  const text = new PassThrough({ objectMode: true });
  const channel = channelFromDuplex(text);
  text.write('text');
  await expect(channel.receive()).rejects.toThrow();
  await channel.close();
  pipe(text, new PassThrough(), () => undefined);
});
