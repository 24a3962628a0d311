/** The test vectors of docs/wire-formats/fifo.json, against the code and through the kernel. */
import { constants, closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { pathOf } from '@ipc/core';
import { expectBytes, noLeaks, uniqueName } from '@ipc/testkit';
import { fifo, openFifoReceiver } from '@ipc/pipe';
import { expect, test } from 'vitest';

noLeaks();

interface Vectors {
  readonly greetings: readonly { bytes: string; version?: number; max?: number; invalid?: string }[];
  readonly records: readonly { what: string; writes: string[]; messages: string[]; error?: string }[];
}

const file = new URL('../../../docs/wire-formats/fifo.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

/** `07{4088}` is 4088 times the byte 07. */
function decode(hex: string): Uint8Array {
  return Buffer.from(
    hex.replace(/(..)\{(\d+)\}/g, (_, byte: string, count: string) => byte.repeat(Number(count))),
    'hex',
  );
}

function writeTo(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(fd, bytes);
  closeSync(fd);
}

test.each(vectors.records)('records: $what', async ({ writes, messages, error }) => {
  const name = uniqueName('vector');
  const receiver = await openFifoReceiver(name);
  for (const write of writes) writeTo(pathOf(name, 'fifo'), decode(write));
  for (const message of messages) expectBytes(await receiver.receive(), decode(message));
  if (error !== undefined) await expect(receiver.receive()).rejects.toMatchObject({ code: error });
  else expect(receiver.tryReceive()).toBeUndefined();
  await receiver.close();
});

test.each(vectors.greetings)('greeting $bytes', async ({ bytes, version, max, invalid }) => {
  // A reader of `back` of our own gets the answer: the same 16 bytes where the greeting fits, others where it does not.
  await using listener = await fifo({ maxMessageBytes: version === 1 ? max : undefined }).listen(
    uniqueName('greeting'),
  );
  const back = openSync(pathOf(listener.name, 'back.fifo'), constants.O_RDONLY | constants.O_NONBLOCK);
  const there = openSync(pathOf(listener.name, 'there.fifo'), constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(there, decode(bytes));
  if (invalid === undefined && version === 1) {
    const channel = await listener.accept();
    const answer = Buffer.alloc(16);
    expect(readSync(back, answer)).toBe(16);
    expectBytes(answer, decode(bytes));
    await channel.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  } else {
    await expect(listener.accept({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  }
  closeSync(back);
  closeSync(there);
});
