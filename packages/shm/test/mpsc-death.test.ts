import { MpscReceiver, MpscSender, Region } from '@ipc/shm';
import { noLeaks } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { dieAtStep } from './die.ts';
import { busy, bytes, goodbye, open, options, peer, receive, received, slow, text } from './mpscs.ts';
import { numbered, numberOf } from './workers/numbered.ts';

noLeaks();

describe('a death at any step', () => {
  const sending: Record<string, (sender: MpscSender) => void> = {
    'of sending': (sender) => {
      sender.trySend(bytes('x'));
    },
    'of sending several units': (sender) => {
      sender.trySend(bytes('x'.repeat(200)));
    },
    'of sending around the end': (sender) => {
      sender.trySend(bytes('x'.repeat(500)));
    },
    'of a claim that is committed': (sender) => {
      const claim = sender.tryClaim(100);
      claim?.bytes.fill(0x78);
      claim?.commit();
    },
    'of a claim that is aborted': (sender) => {
      sender.tryClaim(100)?.abort();
    },
  };

  test.each(Object.entries(sending))('%s: it is sent, or it never was', async (_, send) => {
    const outcomes = new Set<string>();
    let repaired = 0;
    for (let step = 0, died = true; died; step++) {
      const { name, sender } = open();
      const receiver = receive(name);
      for (let n = 0; n < 26; n++) {
        sender.trySend(bytes('before')); // six units are left before the end
        receiver.tryReceive();
      }
      died = dieAtStep(step, () => MpscSender.open(name, options), send);
      await sender.send(bytes('behind'));
      let all = received(receiver);
      while (!all.includes('behind')) all = [...all, ...(await nextOf(receiver))];
      outcomes.add(all.map((each) => each?.[0]).join(''));
      repaired += receiver.repaired;
      for (let n = 0; n < 70; n++) {
        expect(sender.trySend(bytes(`after ${n}`))).toBe(true);
        expect(text(receiver.tryReceive())).toBe(`after ${n}`);
      }
      await Promise.all([receiver.close(), sender.close()]);
    }
    expect(repaired).toBeGreaterThan(0);
    expect([...outcomes]).toEqual(_.endsWith('aborted') ? ['b'] : ['b', 'xb']);
  });

  const taking: Record<string, (receiver: MpscReceiver, got: (message: Uint8Array) => void) => void> = {
    'of receiving': (receiver, got) => {
      for (let n = 0; n < 4; n++) got(receiver.tryReceive() as Uint8Array);
    },
    'of draining': (receiver, got) => {
      receiver.drain(got);
    },
  };

  test.each(Object.entries(taking))('%s: the next receiver goes on, once over at most', async (_, take) => {
    const messages = ['a', 'b'.repeat(400), 'c'.repeat(300), 'd', ''];
    let twice = 0;
    for (let step = 0, died = true; died; step++) {
      const { name, sender } = open();
      sender.trySend(bytes('first'));
      await MpscReceiver.open(name).close(); // somebody was there before
      const got: (string | undefined)[] = [];
      for (const message of messages) sender.trySend(bytes(message));
      died = dieAtStep(
        step,
        () => MpscReceiver.open(name),
        (receiver) => {
          take(receiver, (message) => got.push(text(message)));
        },
      );
      const next = receive(name);
      const rest = received(next);
      const all = ['first', ...messages];
      if (got.length + rest.length > all.length) {
        expect(rest[0]).toBe(got.pop());
        twice++;
      }
      const lost = all.length - got.length - rest.length; // freed, and its receiver died before it could use it
      expect(lost).toBeLessThanOrEqual(1);
      expect([...got, ...all.slice(got.length, got.length + lost), ...rest]).toEqual(all);
      for (let n = 0; n < 70; n++) {
        expect(sender.trySend(bytes(`after ${n}`.repeat(50)))).toBe(true);
        expect(text(next.tryReceive())).toBe(`after ${n}`.repeat(50));
      }
      await Promise.all([next.close(), sender.close()]);
    }
    expect(twice > 0).toBe(_.endsWith('draining'));
  });
});

test('a claim left by one that is killed is stepped over at once, and not while that one is stopped', async () => {
  const { name, sender } = open();
  const receiver = receive(name, 0);
  const dying = await peer();
  await dying.call('sender', name, options);
  await dying.call('claim', 100);
  sender.trySend(bytes('behind'));
  dying.stop();
  const next = receiver.receive();
  for (let n = 0; n < 200; n++) expect(receiver.drain(() => undefined)).toBe(0);
  expect(receiver.repaired).toBe(0);
  await dying.kill();
  expect(text(await next)).toBe('behind');
  expect(receiver.repaired).toBe(1);
});

test('a receiver that sleeps hears of the death of one that came later and is in the way', async () => {
  const { name, sender } = open();
  const receiver = receive(name, 0);
  const next = receiver.receive();
  const late = await peer();
  await late.call('sender', name, options);
  await late.call('claim', 100);
  sender.trySend(bytes('behind'));
  using region = Region.open(name, { kind: 'mpsc' });
  const isAsleep = (): boolean => Atomics.load(region.words, (640 >> 2) + 32 + 2) !== 0;
  while (!isAsleep()) await new Promise((resolve) => setImmediate(resolve)); // it has looked again
  await late.kill();
  expect(text(await next)).toBe('behind');
});

test(
  'senders killed at random hold nobody up: what each had sent comes, whole and in order',
  slow,
  async () => {
    const { name, sender } = open(undefined, busy);
    const receiver = receive(name);
    for (let round = 1; round <= 3; round++) {
      const [one, two] = [await peer(), await peer()];
      for (const each of [one, two]) await each.call('sender', name, busy);
      void one.call('flood', round);
      void two.call('flood', 100 + round);
      const last = new Map<number, number>();
      const note = (message: Uint8Array): void => {
        if (message.length === 0) return;
        const [id, number] = numberOf(message);
        expect(number).toBe((last.get(id) ?? -1) + 1);
        last.set(id, number);
      };
      while ((last.get(round) ?? 0) < 100 || (last.get(100 + round) ?? 0) < 100) {
        note((await receiver.receive()) as Uint8Array);
      }
      await Promise.all([one.kill(), two.kill()]);
      const sent = sender.send(goodbye);
      for (;;) {
        const message = (await receiver.receive()) as Uint8Array;
        if (message.length === 0) break;
        note(message);
      }
      await sent;
    }
  },
);

test(
  'receivers killed at random: the next goes on where it was, and senders that wait are woken',
  slow,
  async () => {
    const { name, sender } = open(undefined, busy);
    const source = await peer();
    await source.call('sender', name, busy);
    void source.call('flood', 1);
    let last = -1;
    for (let round = 0; round < 3; round++) {
      const dying = await peer();
      await dying.call('receiver', name, {});
      void dying.call('devour');
      await sender.send(numbered(2, round));
      await dying.kill();
      const receiver = MpscReceiver.open(name);
      for (let n = 0; n < 300; n++) {
        const [id, number] = numberOf((await receiver.receive()) as Uint8Array);
        if (id === 2) continue;
        expect(number).toBeGreaterThan(last);
        last = number;
      }
      await receiver.close();
    }
  },
);

/** What comes next, when it has come: waits for the death that holds it up. */
async function nextOf(receiver: MpscReceiver): Promise<(string | undefined)[]> {
  return [text(await receiver.receive()), ...received(receiver)];
}
