/** Large packets come straight to the memory their receiver keeps, if they are about as long as the one before. */
import { openDatagramReceiver, openDatagramSender, passableSocket, seqpacket } from '@ipc/socket';
import type { Receiver, Sender } from '@ipc/core';
import * as native from '@ipc/native';
import { connectedPair, expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

const large = 20_000;
/** As expected, longer, a little and far shorter, small between large ones, the longest there is. */
const lengths = [
  ...[large, large, large, large + 5_000, large + 4_000, 9_000, 9_001, 3 * large, 9_000],
  ...[large, large, 0, large, 1, large, 70, large, large, 128 << 10, 128 << 10, large, large],
];

interface Ends extends AsyncDisposable {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

describe.each<[string, () => Promise<Ends>]>([
  [
    'seqpacket',
    async () => {
      const ends = await connectedPair(seqpacket());
      return {
        sender: ends.a,
        receiver: ends.b,
        [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose](),
      };
    },
  ],
  [
    'datagram',
    () => {
      const name = uniqueName('own');
      const receiver = openDatagramReceiver(name);
      const sender = openDatagramSender(name);
      const close = async (): Promise<void> => {
        await Promise.all([sender.close(), receiver.close()]);
      };
      return Promise.resolve({ sender, receiver, [Symbol.asyncDispose]: close });
    },
  ],
])('%s', (_, open) => {
  test('messages of any lengths, owned or lent, are whole, and those owned stay so', async () => {
    await using ends = await open();
    const { sender, receiver } = ends;
    const owned: [message: Uint8Array | undefined, length: number, seed: number][] = [];
    for (let round = 0; round < 3; round++) {
      for (const [n, length] of lengths.entries()) {
        await sender.send(pattern(length, n + round));
        if (round !== 1 || n % 3 > 0) {
          owned.push([await receiver.receive(), length, n + round]);
          continue;
        }
        await receiver.ready();
        const isWhole = (lent: Uint8Array): void => {
          expectBytes(lent, pattern(length, n + round));
        };
        expect(receiver.drain(isWhole)).toBe(1);
      }
    }
    for (const [message, length, seed] of owned) expectBytes(message, pattern(length, seed));
  });

  test('what stays is aligned, and a message far shorter than expected does not hold the memory of a long one', async () => {
    await using ends = await open();
    const { sender, receiver } = ends;
    const longest = 128 << 10; // has a buffer of its own
    for (const length of [longest, longest, 100_000, longest, longest, 20_000]) {
      await sender.send(pattern(length));
      const message = await receiver.receive();
      expect(message?.length).toBe(length);
      expect((message?.byteOffset ?? 1) % 8).toBe(0);
      if (length === 100_000) expect(message?.buffer.byteLength).toBeLessThan(longest + 16);
      if (length === 20_000) expect(message?.buffer.byteLength).toBeGreaterThan(longest + 16); // a slab of 256 KiB
    }
  });
});

test('receipts are answered between large messages', async () => {
  await using ends = await connectedPair(seqpacket());
  for (let n = 0; n < 5; n++) {
    await ends.a.send(pattern(large, n));
    const received = ends.a.flush({ delivery: 'received' });
    expectBytes(await ends.b.receive(), pattern(large, n));
    await received;
  }
});

test('a packet over the limit, or with descriptors, is damage also where a large one is expected', async () => {
  for (const [bytes, fds] of [
    [large + 2, []],
    [large, [0]],
  ] as const) {
    const { channel, descriptor: raw } = passableSocket({ type: 'seqpacket', maxMessageBytes: large });
    const packet = new Uint8Array(bytes);
    for (let n = 0; n < 3; n++) {
      native.sendMessage(raw, packet, 0, large);
      expect((await channel.receive())?.length).toBe(large - 1);
    }
    native.sendMessage(raw, packet, 0, bytes, fds);
    await expect(channel.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    native.close(raw);
    await channel.close();
  }
});
