import { once } from 'node:events';
import { LoanPublisher, LoanReceiver, Region, type Borrowed, type Loan } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { free, options, publish, receive, worker } from './loans.ts';

noLeaks();

const coded = (code: string): unknown => expect.objectContaining({ code });
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('messages are read where they were written, in order', () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  using receiver = LoanReceiver.open(name);
  using region = Region.open(name, { kind: 'pool' });
  expect(receiver.tryBorrow()).toBeUndefined();
  publish(publisher, 'one');
  publish(publisher, '');
  expect(Buffer.from(region.bytesView).includes('one')).toBe(true);
  using one = receiver.tryBorrow() as Borrowed;
  Buffer.from(region.buffer).write('ONE', Buffer.from(region.buffer).indexOf('one'));
  expect(Buffer.from(one.bytes).toString()).toBe('ONE'); // the same memory
  expect(receive(receiver)).toBe('');
  for (let i = 0; i < 20; i++) {
    publish(publisher, `n${i}`);
    expect(receive(receiver)).toBe(`n${i}`);
  }
});

test('with all chunks out there is nothing to lend; given back, there is', () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  using receiver = LoanReceiver.open(name);
  const unpublished = publisher.tryLoan() as Loan;
  for (const text of ['a', 'b', 'c']) publish(publisher, text);
  expect(publisher.tryLoan()).toBeUndefined();
  const a = receiver.tryBorrow() as Borrowed;
  expect(publisher.tryLoan()).toBeUndefined();
  a.release();
  a.release();
  expect(free(publisher)).toBe(1);
  unpublished[Symbol.dispose]();
  expect(free(publisher)).toBe(2);
  expect(() => a.bytes).toThrow(TypeError);
  expect(() => unpublished.bytes).toThrow(TypeError);
  expect(() => {
    unpublished.publish();
  }).toThrow(TypeError);
  const loan = publisher.tryLoan() as Loan;
  for (const bad of [101, -1, 0.5]) {
    expect(() => {
      loan.publish(bad);
    }).toThrow(RangeError);
  }
  loan.publish(1);
  expect(free(publisher)).toBe(1);
});

test('one publisher at a time; what was published outlives it', () => {
  const name = uniqueName('loan');
  using first = LoanPublisher.open(name, options);
  expect(() => LoanPublisher.open(name, options)).toThrow(coded('ERR_IPC_EXISTS'));
  expect(() => LoanPublisher.open(name, { ...options, chunks: 5 })).toThrow(
    /4 chunks of 100 bytes and 16 participants, expected 5/,
  );
  expect(() => LoanReceiver.open(uniqueName('none'))).toThrow(coded('ERR_IPC_NOT_FOUND'));
  const receiver = LoanReceiver.open(name);
  publish(first, 'a');
  publish(first, 'b');
  receiver.tryBorrow();
  receiver.close();
  first.close();
  expect(() => first.tryLoan()).toThrow(coded('ERR_IPC_CLOSED'));
  expect(() => receiver.tryBorrow()).toThrow(coded('ERR_IPC_CLOSED'));
});

test(
  'receivers killed at any moment: nothing comes twice to those who live, and every chunk comes back',
  { timeout: 60_000 },
  async () => {
    const name = uniqueName('loan');
    await using source = await spawnPeer(worker);
    await source.call('openPublisher', name, options);
    void source.call('flood', 0);
    let last = -1;
    for (let round = 0; round < 3; round++) {
      await using peer = await spawnPeer(worker);
      await peer.call('openReceiver', name);
      void peer.call('drain');
      await nextTurn();
      await peer.kill();
      using receiver = LoanReceiver.open(name);
      for (let i = 0; i < 400;) {
        using borrowed = receiver.tryBorrow();
        if (borrowed === undefined) continue;
        const found = Buffer.from(borrowed.bytes).readUInt32LE();
        if (i++ > 0) expect(found).toBe(last + 1);
        else expect(found).toBeGreaterThan(last);
        last = found;
      }
    }
    await source.kill();
    using publisher = LoanPublisher.open(name, options);
    using receiver = LoanReceiver.open(name);
    while (receiver.tryBorrow() !== undefined);
    receiver.close();
    expect(free(publisher)).toBe(4);
  },
);

test('diagnosis ends views with their loan, and names who took what was not given back', async () => {
  const name = uniqueName('loan');
  const publisher = LoanPublisher.open(name, { ...options, chunkBytes: 5000, diagnose: true });
  using receiver = LoanReceiver.open(name, { diagnose: true });
  const loan = publisher.tryLoan() as Loan;
  const { bytes } = loan;
  bytes.fill(3);
  loan.publish(10);
  const borrowed = receiver.tryBorrow() as Borrowed;
  const view = borrowed.bytes;
  expect(view).toEqual(new Uint8Array(10).fill(3));
  borrowed.release();
  if (view.buffer instanceof ArrayBuffer) {
    expect(bytes.length).toBe(0);
    expect(view.length).toBe(0);
  }
  function forgetful(): void {
    publisher.tryLoan();
  }
  forgetful();
  const warned = once(process, 'warning');
  publisher.close();
  const [warning] = (await warned) as [Error & { code: string; detail: string }];
  expect(warning.code).toBe('IPC_LOAN_LEAK');
  expect(warning.message).toContain(`a loan of "${name}" was still out at close`);
  expect(warning.detail.split('\n')[0]).toContain('forgetful');
});

test('every receiver gets every message from when it came; a chunk is free when all have released it', () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  publish(publisher, 'early');
  using one = LoanReceiver.open(name);
  publish(publisher, 'a');
  using two = LoanReceiver.open(name);
  publish(publisher, 'b');
  expect(publisher.receivers).toBe(2);
  expect(receive(one)).toBe('early');
  expect(receive(one)).toBe('a');
  const b = one.tryBorrow() as Borrowed;
  expect(receive(two)).toBe('b');
  expect(two.tryBorrow()).toBeUndefined();
  expect(free(publisher)).toBe(3);
  b.release();
  expect(free(publisher)).toBe(4);
  for (let n = 0; n < 50; n++) {
    publish(publisher, `n${n}`);
    const [first, second] = [one.tryBorrow(), two.tryBorrow()];
    expect(Buffer.from(first?.bytes ?? []).toString()).toBe(`n${n}`);
    first?.release();
    expect(Buffer.from(second?.bytes ?? []).toString()).toBe(`n${n}`);
    second?.release();
  }
  publish(publisher, 'c');
  two.tryBorrow();
  two.close(); // what it held and what it had not read is nobody's
  expect(receive(one)).toBe('c');
  expect(free(publisher)).toBe(4);
  publish(publisher, 'd');
  one.close();
  using next = LoanReceiver.open(name); // the only one had not read it
  expect(receive(next)).toBe('d');
  expect(free(publisher)).toBe(4);
});

test('damage is ERR_IPC_CORRUPT', () => {
  const headers = 160 + 16 * 32;
  for (const [word, bad] of [
    [32, -1],
    [headers + 64, 4],
    [headers + 64, -1],
    [headers + 2, 101],
    [headers + 2, -1],
  ] as const) {
    const name = uniqueName('loan');
    using publisher = LoanPublisher.open(name, options);
    using receiver = LoanReceiver.open(name);
    using region = Region.open(name, { kind: 'pool' });
    publish(publisher, 'x');
    region.words[word] = bad;
    expect(() => receiver.tryBorrow()).toThrow(coded('ERR_IPC_CORRUPT'));
  }
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  using region = Region.open(name, { kind: 'pool' });
  for (const bad of [40, -1]) {
    region.words[0] = bad;
    expect(() => LoanReceiver.open(name)).toThrow(coded('ERR_IPC_CORRUPT'));
  }
  expect(publisher.receivers).toBe(0);
});
