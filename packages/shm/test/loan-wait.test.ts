import { waitAny } from '@ipc/core';
import { LoanPublisher, LoanReceiver, type Borrowed } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { free, options, publish, receive, worker } from './loans.ts';

noLeaks();

const coded = (code: string): unknown => expect.objectContaining({ code });
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
