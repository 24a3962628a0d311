import { waitAny, type Receiver, type Sender } from '@ipc/core';
import { Consumer, MpscReceiver, MpscSender, Producer, Publisher, ring, Subscriber } from '@ipc/shm';
import { expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

function closing<T extends { close(): unknown }>(it: T): T {
  onTestFinished(async () => {
    await it.close();
  });
  return it;
}

async function ringPair(): Promise<[Sender, Receiver]> {
  const listener = closing(await ring({ capacityBytes: 4096 }).listen(uniqueName('any')));
  const [there, here] = await Promise.all([ring().connect(listener.name), listener.accept()]);
  return [closing(here), closing(there)];
}

test('one wait for rings, broadcast and queues, asleep and awake; each message goes to who was named', async () => {
  const name = uniqueName('any');
  const slots = { slots: 8, maxMessageBytes: 64, lifetime: 'while-open' } as const;
  const pairs: readonly (readonly [Sender, Receiver])[] = [
    await ringPair(),
    [
      closing(Publisher.open(`${name}-b`, { ...slots, overflow: 'lap' })),
      closing(Subscriber.open(`${name}-b`)),
    ],
    [closing(Producer.open(`${name}-q`, slots)), closing(Consumer.open(`${name}-q`))],
    [
      closing(MpscSender.open(`${name}-m`, { capacityBytes: 2048, participants: 4, lifetime: 'while-open' })),
      closing(MpscReceiver.open(`${name}-m`)),
    ],
    await ringPair(),
  ];
  const receivers = pairs.map(([, receiver]) => receiver);
  for (let round = 0; round < 40; round++) {
    const chosen = (round * 7) % pairs.length;
    const [sender, receiver] = pairs[chosen] as (typeof pairs)[number];
    const message = pattern(round, round);
    const waiting = waitAny(receivers);
    // In every other round, everybody has fallen asleep first.
    if (round % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await sender.send(message);
    expect(await waiting).toBe(chosen);
    expectBytes(receiver.tryReceive(), message);
  }
});

test('a large message in pieces wakes who waits for any, once it is whole', async () => {
  const [sender, receiver] = await ringPair();
  const [, other] = await ringPair();
  const waiting = waitAny([other, receiver]);
  const message = pattern(50_000, 1);
  await sender.send(message);
  expect(await waiting).toBe(1);
  expectBytes(receiver.tryReceive(), message);
});
