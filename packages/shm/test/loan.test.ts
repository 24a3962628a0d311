import { once } from 'node:events';
import { LoanPublisher, LoanReceiver, Region, type Borrowed, type Loan } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/loan-peer.js', import.meta.url);
const options = { chunks: 4, chunkBytes: 100, lifetime: 'while-open' } as const;
const coded = (code: string): unknown => expect.objectContaining({ code });
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function publish(publisher: LoanPublisher, text: string): void {
  using loan = publisher.loan() as Loan;
  loan.bytes.set(new TextEncoder().encode(text));
  loan.publish(text.length);
}

function receive(receiver: LoanReceiver): string | undefined {
  using borrowed = receiver.borrow();
  return borrowed && Buffer.from(borrowed.bytes).toString();
}

/** How many chunks a publisher can have now; gives them back. */
function free(publisher: LoanPublisher): number {
  const loans: Loan[] = [];
  for (let loan = publisher.loan(); loan !== undefined; loan = publisher.loan()) loans.push(loan);
  for (const loan of loans) loan[Symbol.dispose]();
  return loans.length;
}

test('messages are read where they were written, in order', () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  using receiver = LoanReceiver.open(name);
  using region = Region.open(name, { kind: 'pool' });
  expect(receiver.borrow()).toBeUndefined();
  publish(publisher, 'one');
  publish(publisher, '');
  expect(Buffer.from(region.bytesView).includes('one')).toBe(true);
  using one = receiver.borrow() as Borrowed;
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
  const unpublished = publisher.loan() as Loan;
  for (const text of ['a', 'b', 'c']) publish(publisher, text);
  expect(publisher.loan()).toBeUndefined();
  const a = receiver.borrow() as Borrowed;
  expect(publisher.loan()).toBeUndefined();
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
  const loan = publisher.loan() as Loan;
  for (const bad of [101, -1, 0.5]) {
    expect(() => {
      loan.publish(bad);
    }).toThrow(RangeError);
  }
  loan.publish(1);
  expect(free(publisher)).toBe(1);
});

test('one publisher and one receiver at a time; what was published outlives both', () => {
  const name = uniqueName('loan');
  using first = LoanPublisher.open(name, options);
  expect(() => LoanPublisher.open(name, options)).toThrow(coded('ERR_IPC_EXISTS'));
  expect(() => LoanPublisher.open(name, { ...options, chunks: 5 })).toThrow(
    /4 chunks of 100 bytes, expected 5/,
  );
  expect(() => LoanReceiver.open(uniqueName('none'))).toThrow(coded('ERR_IPC_NOT_FOUND'));
  const receiver = LoanReceiver.open(name);
  expect(() => LoanReceiver.open(name)).toThrow(coded('ERR_IPC_EXISTS'));
  publish(first, 'a');
  publish(first, 'b');
  receiver.borrow();
  receiver.close();
  first.close();
  expect(() => first.loan()).toThrow(coded('ERR_IPC_CLOSED'));
  expect(() => receiver.borrow()).toThrow(coded('ERR_IPC_CLOSED'));
});

test('a publisher that is killed loses what it had not published, and nothing else', async () => {
  const name = uniqueName('loan');
  await using peer = await spawnPeer(worker);
  await peer.call('openPublisher', name, options);
  using receiver = LoanReceiver.open(name);
  await peer.call('publish', 7);
  await peer.call('hold', 2);
  await peer.kill();
  using publisher = LoanPublisher.open(name, options);
  expect(free(publisher)).toBe(3);
  using borrowed = receiver.borrow() as Borrowed;
  expect(borrowed.bytes).toEqual(new Uint8Array(100).fill(7));
});

test('what a receiver had borrowed comes back when it is killed, and not while it is stopped', async () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  for (const text of ['a', 'b', 'c', 'd']) publish(publisher, text);
  await using peer = await spawnPeer(worker);
  await peer.call('openReceiver', name);
  await peer.call('hold', 3);
  peer.stop();
  expect(publisher.loan()).toBeUndefined();
  await peer.kill();
  expect(free(publisher)).toBe(3);
  using receiver = LoanReceiver.open(name);
  expect(receive(receiver)).toBe('d');
  expect(free(publisher)).toBe(4);
});

test('a receiver that died between marking a chunk and taking it leaves it to the next', () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  publish(publisher, 'a');
  using region = Region.open(name, { kind: 'pool' });
  region.words[128] = 2 + 4 * 7; // BORROWED, and still in the ring
  using receiver = LoanReceiver.open(name);
  expect(receive(receiver)).toBe('a');
  expect(free(publisher)).toBe(4);
});

test('receivers killed at any moment: nothing comes twice to those who live, and every chunk comes back', async () => {
  const name = uniqueName('loan');
  await using source = await spawnPeer(worker);
  await source.call('openPublisher', name, options);
  void source.call('flood', 0);
  let last = -1;
  for (let round = 0; round < 4; round++) {
    await using peer = await spawnPeer(worker);
    await peer.call('openReceiver', name);
    void peer.call('drain');
    await nextTurn();
    await peer.kill();
    using receiver = LoanReceiver.open(name);
    for (let i = 0; i < 1000;) {
      using borrowed = receiver.borrow();
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
  while (receiver.borrow() !== undefined);
  receiver.close();
  expect(free(publisher)).toBe(4);
});

test('a hundred thousand messages between processes, with a receiver that sleeps when there is none', async () => {
  const name = uniqueName('loan');
  await using source = await spawnPeer(worker);
  await using sink = await spawnPeer(worker);
  await source.call('openPublisher', name, { ...options, chunks: 64 });
  await sink.call('openReceiver', name);
  const counted = sink.call('count', 0, 100_000);
  void source.call('flood', 0);
  expect(await counted).toBe('in order');
  await source.kill();
  await sink.kill();
  LoanPublisher.open(name, { ...options, chunks: 64 }).close(); // nothing is left
});

test('diagnosis ends views with their loan, and names who took what was not given back', async () => {
  const name = uniqueName('loan');
  const publisher = LoanPublisher.open(name, { ...options, chunkBytes: 5000, diagnose: true });
  using receiver = LoanReceiver.open(name, { diagnose: true });
  const loan = publisher.loan() as Loan;
  const { bytes } = loan;
  bytes.fill(3);
  loan.publish(10);
  const borrowed = receiver.borrow() as Borrowed;
  const view = borrowed.bytes;
  expect(view).toEqual(new Uint8Array(10).fill(3));
  borrowed.release();
  if (view.buffer instanceof ArrayBuffer) {
    expect(bytes.length).toBe(0);
    expect(view.length).toBe(0);
  }
  function forgetful(): void {
    publisher.loan();
  }
  forgetful();
  const warned = once(process, 'warning');
  publisher.close();
  const [warning] = (await warned) as [Error & { code: string; detail: string }];
  expect(warning.code).toBe('IPC_LOAN_LEAK');
  expect(warning.message).toContain(`a loan of "${name}" was still out at close`);
  expect(warning.detail.split('\n')[0]).toContain('forgetful');
});

test('damage is ERR_IPC_CORRUPT', () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  using receiver = LoanReceiver.open(name);
  using region = Region.open(name, { kind: 'pool' });
  const ring = 128 + 32;
  for (const [word, bad] of [
    [32, 99],
    [32, -1],
    [ring, 4],
    [ring, -1],
    [ring + 1, 101],
    [128, 0],
  ] as const) {
    const head = region.words[32] as number;
    if (head === 0) publish(publisher, 'x');
    const good = region.words[word] as number;
    region.words[word] = bad;
    expect(() => receiver.borrow()).toThrow(coded('ERR_IPC_CORRUPT'));
    region.words[word] = good;
  }
  expect(receive(receiver)).toBe('x');
  region.words[0] = 40;
  expect(() => LoanReceiver.open(name)).toThrow(coded('ERR_IPC_CORRUPT'));
  region.words[0] = -1;
  expect(() => LoanReceiver.open(name)).toThrow(coded('ERR_IPC_CORRUPT'));
});
