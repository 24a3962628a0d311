import { once } from 'node:events';
import { waitAny } from '@ipc/core';
import { LoanPublisher, LoanReceiver, Region, type Borrowed, type Loan } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { dieAtStep } from './die.ts';

noLeaks();

const worker = new URL('../dist-test/workers/loan-peer.js', import.meta.url);
const options = { chunks: 4, chunkBytes: 100, lifetime: 'while-open' } as const;
const coded = (code: string): unknown => expect.objectContaining({ code });
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function publish(publisher: LoanPublisher, text: string): void {
  using loan = publisher.tryLoan() as Loan;
  loan.bytes.set(new TextEncoder().encode(text));
  loan.publish(text.length);
}

function receive(receiver: LoanReceiver): string | undefined {
  using borrowed = receiver.tryBorrow();
  return borrowed && Buffer.from(borrowed.bytes).toString();
}

/** How many chunks a publisher can have now; gives them back. */
function free(publisher: LoanPublisher): number {
  const loans: Loan[] = [];
  for (let loan = publisher.tryLoan(); loan !== undefined; loan = publisher.tryLoan()) loans.push(loan);
  for (const loan of loans) loan[Symbol.dispose]();
  return loans.length;
}

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
  using borrowed = receiver.tryBorrow() as Borrowed;
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
  expect(publisher.tryLoan()).toBeUndefined();
  await peer.kill();
  expect(free(publisher)).toBe(3);
  using receiver = LoanReceiver.open(name);
  expect(receive(receiver)).toBe('d');
  expect(free(publisher)).toBe(4);
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

test('many messages between processes, with a receiver that sleeps when there is none', async () => {
  const name = uniqueName('loan');
  await using source = await spawnPeer(worker);
  await using sink = await spawnPeer(worker);
  await source.call('openPublisher', name, { ...options, chunks: 64 });
  await sink.call('openReceiver', name);
  const counted = sink.call('count', 0, 20_000);
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

test('what waits on the event loop is served in order, can be aborted, and ends with the pool', async () => {
  const name = uniqueName('loan');
  const publisher = LoanPublisher.open(name, options);
  const receiver = LoanReceiver.open(name, { spinUs: 0 });
  const first = receiver.borrow();
  const aborted = receiver.borrow({ signal: AbortSignal.timeout(1) });
  const second = receiver.borrow();
  await expect(aborted).rejects.toThrow();
  expect(receiver.tryBorrow()).toBeUndefined();
  for (const text of ['a', 'b', 'c', 'd']) publish(publisher, text);
  expect(Buffer.from((await first).bytes).toString()).toBe('a');
  expect(Buffer.from((await second).bytes).toString()).toBe('b');
  expect(publisher.loanSync({ timeoutMs: 1 })).toBeUndefined();
  const [loan, other] = [publisher.loan(), publisher.loan()];
  expect(publisher.tryLoan()).toBeUndefined();
  (await first).release();
  const lent = await loan;
  lent[Symbol.dispose](); // goes to who waits
  (await other).publish(0);
  expect(receive(receiver)).toBe('c');
  const reason = new Error('no');
  await expect(publisher.loan({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(receive(receiver)).toBe('d');
  expect(receive(receiver)).toBe('');
  const never = receiver.borrow();
  receiver.close();
  await expect(never).rejects.toThrow(coded('ERR_IPC_CLOSED'));
  expect(() => receiver.borrowSync()).toThrow(coded('ERR_IPC_CLOSED'));
  publisher.close();
  await expect(publisher.loan()).rejects.toThrow(coded('ERR_IPC_CLOSED'));
});

test('a receiver can be waited for beside others, without taking anything; who borrows comes first', async () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  using receiver = LoanReceiver.open(name);
  using other = LoanReceiver.open(name);
  for (const text of ['a', 'b', 'c']) {
    const any = waitAny([other, receiver]);
    await nextTurn(); // all are asleep
    publish(publisher, text);
    expect([0, 1]).toContain(await any);
    await receiver.ready(); // there is something: at once
    expect(receive(receiver)).toBe(text);
    expect(await waitAny([receiver, other])).toBe(1);
    expect(receive(other)).toBe(text);
  }
  const order: string[] = [];
  const ready = receiver.ready().then(() => order.push('ready'));
  const borrowed = receiver.borrow().then((message) => {
    order.push('borrowed');
    message.release();
  });
  await nextTurn();
  publish(publisher, 'd');
  await borrowed;
  publish(publisher, 'e');
  await ready;
  expect(order).toEqual(['borrowed', 'ready']);
  expect(receive(receiver)).toBe('e');

  const reason = new Error('no');
  const aborting = new AbortController();
  const aborted = receiver.ready({ signal: aborting.signal });
  aborting.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await expect(receiver.ready({ signal: aborting.signal })).rejects.toBe(reason);
  const never = receiver.ready();
  receiver.close();
  await expect(never).rejects.toThrow(coded('ERR_IPC_CLOSED'));
  await expect(receiver.ready()).rejects.toThrow(coded('ERR_IPC_CLOSED'));
});

test('a receiver that waits until there is something is woken from another process', async () => {
  const name = uniqueName('loan');
  await using peer = await spawnPeer(worker);
  await peer.call('openPublisher', name, options);
  using receiver = LoanReceiver.open(name, { spinUs: 0 });
  for (let round = 0; round < 20; round++) {
    const ready = receiver.ready();
    await nextTurn();
    expect(await peer.call('publish', round)).toBe(true);
    await ready;
    using borrowed = receiver.tryBorrow() as Borrowed;
    expect(borrowed.bytes[0]).toBe(round);
  }
  await peer.call('closePublisher');
});

test('a publisher that waits for a chunk gets it when a receiver in another process releases it, or is killed', async () => {
  const name = uniqueName('loan');
  using publisher = LoanPublisher.open(name, options);
  await using slow = await spawnPeer(worker);
  await slow.call('openReceiver', name);
  using quick = LoanReceiver.open(name);
  for (const text of ['a', 'b', 'c', 'd']) publish(publisher, text);
  for (const text of ['a', 'b', 'c', 'd']) expect(receive(quick)).toBe(text);
  const loan = publisher.loan();
  await slow.call('receive');
  (await loan).publish(0);
  await slow.call('hold', 2);
  slow.stop();
  expect(publisher.loanSync({ timeoutMs: 1 })).toBeUndefined();
  const next = publisher.loan();
  await slow.kill();
  (await next)[Symbol.dispose]();
  expect(receive(quick)).toBe('');
  expect(free(publisher)).toBe(4);
});

describe('a death at any step', () => {
  test('of publishing: it is received by all, or by nobody, and its chunk comes back', () => {
    const outcomes = new Set<string>();
    for (let step = 0, died = true; died; step++) {
      for (const receivers of [2, 0]) {
        const name = uniqueName('loan');
        const before = LoanPublisher.open(name, options);
        using kept = Region.open(name, { kind: 'pool' });
        publish(before, 'before');
        before.close();
        expect(kept.isOpen).toBe(true);
        const all = Array.from({ length: receivers }, () => LoanReceiver.open(name));
        died = dieAtStep(
          step,
          () => LoanPublisher.open(name, options),
          (dying) => {
            publish(dying, 'x');
          },
        );
        using publisher = LoanPublisher.open(name, options);
        publish(publisher, 'y');
        if (receivers === 0) all.push(LoanReceiver.open(name));
        const got = all.map((receiver) => {
          const texts: string[] = [];
          for (let text = receive(receiver); text !== undefined; text = receive(receiver)) texts.push(text);
          return texts.join(' ');
        });
        if (receivers === 2) expect(got[0]).toBe(got[1]?.replace(/^/, 'before '));
        outcomes.add(got[0] ?? '');
        expect(free(publisher)).toBe(4);
        for (const receiver of all) receiver.close();
      }
    }
    expect([...outcomes].sort()).toEqual(['before x y', 'before y']);
  });

  test('of receiving: others get everything once, and every chunk comes back', () => {
    for (const others of [1, 0]) {
      for (let step = 0, died = true; died; step++) {
        const name = uniqueName('loan');
        using publisher = LoanPublisher.open(name, options);
        const other = others === 1 ? LoanReceiver.open(name) : undefined;
        for (const text of ['a', 'b']) publish(publisher, text);
        const got: (string | undefined)[] = [];
        died = dieAtStep(
          step,
          () => {
            const receiver = LoanReceiver.open(name);
            publish(publisher, 'c');
            return receiver;
          },
          (dying) => {
            for (let n = 0; n < (others === 1 ? 1 : 2); n++) got.push(receive(dying));
          },
        );
        expect(publisher.receivers).toBe(others); // buries it
        using receiver = other ?? LoanReceiver.open(name);
        const rest: (string | undefined)[] = [];
        for (let text = receive(receiver); text !== undefined; text = receive(receiver)) rest.push(text);
        // What it had borrowed when it died is gone with it, unless another has it too.
        if (others === 1) expect(rest.join('')).toMatch(/^abc?$/);
        else expect([...got, ...rest].join('')).toMatch(/^a?b?c?$/);
        expect(free(publisher)).toBe(4);
      }
    }
  });
});

test(
  'receivers that come, go and are killed: those who stay get everything, in order',
  { timeout: 60_000 },
  async () => {
    const name = uniqueName('loan');
    await using source = await spawnPeer(worker);
    await source.call('openPublisher', name, { ...options, chunks: 16 });
    await using steady = await spawnPeer(worker);
    await steady.call('openReceiver', name);
    const counted = steady.call('count', 0, 5_000).finally(() => void steady.call('drain')); // it must go on
    void source.call('flood', 0);
    for (let round = 0; round < 3; round++) {
      await using dying = await spawnPeer(worker);
      await dying.call('openReceiver', name);
      void dying.call('drain');
      using passing = LoanReceiver.open(name);
      let last = -1;
      for (let n = 0; n < 100; n++) {
        using borrowed = await passing.borrow();
        const found = Buffer.from(borrowed.bytes).readUInt32LE();
        if (n > 0) expect(found).toBe(last + 1);
        last = found;
      }
      await dying.kill();
    }
    expect(await counted).toBe('in order');
    await Promise.all([source.kill(), steady.kill()]);
    LoanPublisher.open(name, { ...options, chunks: 16 }).close(); // nothing is left
  },
);

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
