import { LoanPublisher, LoanReceiver, Region, type Borrowed } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { dieAtStep } from './die.ts';
import { free, options, publish, receive, worker } from './loans.ts';

noLeaks();

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
