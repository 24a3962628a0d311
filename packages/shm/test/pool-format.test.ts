import { readFileSync } from 'node:fs';
import { LoanPublisher, LoanReceiver, Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const { chunks, chunkBytes, bytes, messages, parts } = JSON.parse(
  readFileSync(new URL('../../../docs/wire-formats/pool.json', import.meta.url), 'utf8'),
) as {
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly bytes: number;
  readonly messages: readonly string[];
  readonly parts: readonly { readonly at: number; readonly hex: string }[];
};
const memory = new Uint8Array(bytes);
for (const { at, hex } of parts) memory.set(Buffer.from(hex, 'hex'), at);

test('pool.json: what publishing and borrowing write', () => {
  const name = uniqueName('pool');
  using publisher = LoanPublisher.open(name, { chunks, chunkBytes, lifetime: 'while-open' });
  using receiver = LoanReceiver.open(name);
  for (const message of messages) {
    using loan = publisher.loan();
    loan?.bytes.set(Buffer.from(message));
    loan?.publish(message.length);
  }
  using borrowed = receiver.borrow();
  expect(borrowed?.length).toBe(3);
  using region = Region.open(name, { kind: 'pool' });
  expect(Buffer.compare(region.bytesView, memory)).toBe(0);
});

test('pool.json: what is read, by the next receiver', () => {
  const name = uniqueName('pool');
  using region = Region.create(name, { kind: 'pool', bytes, lifetime: 'while-open' });
  region.bytesView.set(memory);
  using receiver = LoanReceiver.open(name);
  for (const message of messages.slice(1)) {
    using borrowed = receiver.borrow();
    expect(Buffer.from(borrowed?.bytes ?? []).toString()).toBe(message);
  }
  expect(receiver.borrow()).toBeUndefined();
  expect([...region.words.subarray(128, 131)]).toEqual([0, 0, 0]);
});
