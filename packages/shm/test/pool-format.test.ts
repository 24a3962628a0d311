import { readFileSync } from 'node:fs';
import { LoanPublisher, LoanReceiver, Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const { chunks, chunkBytes, participants, bytes, messages, parts } = JSON.parse(
  readFileSync(new URL('../../../docs/wire-formats/pool.json', import.meta.url), 'utf8'),
) as {
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly participants: number;
  readonly bytes: number;
  readonly messages: readonly string[];
  readonly parts: readonly { readonly at: number; readonly hex: string }[];
};
const memory = new Uint8Array(bytes);
for (const { at, hex } of parts) memory.set(Buffer.from(hex, 'hex'), at);
const lines = [640, 640 + participants * 128] as const;

test('pool.json: what publishing, borrowing and releasing write', () => {
  const name = uniqueName('pool');
  using publisher = LoanPublisher.open(name, { chunks, chunkBytes, participants, lifetime: 'while-open' });
  using receiver = LoanReceiver.open(name);
  for (const message of messages) {
    using loan = publisher.tryLoan();
    loan?.bytes.set(Buffer.from(message));
    loan?.publish(message.length);
  }
  {
    using borrowed = receiver.tryBorrow();
    expect(borrowed?.length).toBe(3);
  }
  using region = Region.open(name, { kind: 'pool' });
  const found = region.bytesView.slice();
  expect(new DataView(found.buffer).getUint32(640 + 128 + 24, true)).toBe(1); // the position of participant 2
  found.fill(0, ...lines);
  expect(Buffer.compare(found, memory)).toBe(0);
});

test('pool.json: what is read, when the receiver has left and another comes', () => {
  const name = uniqueName('pool');
  using region = Region.create(name, { kind: 'pool', bytes, lifetime: 'while-open' });
  region.bytesView.set(memory);
  const life = (640 + 128) >> 2;
  region.words[life] = 258; // it died: nobody has the lock
  region.words[life + 3] = 2;
  region.words[life + 6] = 1;
  // Participant 1 takes the free line; the dead one is found by whoever counts.
  using publisher = LoanPublisher.open(name, { chunks, chunkBytes, participants });
  expect(publisher.receivers).toBe(0);
  using receiver = LoanReceiver.open(name);
  for (const message of messages.slice(1)) {
    using borrowed = receiver.tryBorrow();
    expect(Buffer.from(borrowed?.bytes ?? []).toString()).toBe(message);
  }
  expect(receiver.tryBorrow()).toBeUndefined();
  for (let chunk = 0; chunk < chunks; chunk++) expect(region.words[(896 >> 2) + 16 * chunk]).toBe(0);
});
