/** Descriptors that nobody receives: a bound at the sender, the kernel's own, and a receiver that can have no more. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Channel } from '@ipc/core';
import {
  adoptChannel,
  descriptorsInFlight,
  openDatagramReceiver,
  openDatagramSender,
  seqpacket,
  takeDescriptors,
  tcp,
  unix,
  withDescriptors,
} from '@ipc/socket';
import * as native from '@ipc/native';
import { connectedPair, expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

const one = (fd: number): Uint8Array => withDescriptors(pattern(3), [fd]);

/** A channel whose far end receives when told. */
function slowPair(type: 'stream' | 'seqpacket', maxDescriptorsInFlight: number) {
  const [near, far] = native.socketPair(type);
  const channel = adoptChannel(near, { type, maxDescriptorsInFlight });
  const target = new Uint8Array(64);
  return {
    channel,
    /** One message's. */
    receive(): number {
      const { fds } = native.receiveMessage(far, target, 0, target.length, 8);
      fds.forEach(native.close);
      return fds.length;
    },
    async [Symbol.asyncDispose]() {
      native.close(far);
      await channel.close();
    },
  };
}

const workerFile = (name: string): string =>
  fileURLToPath(new URL(`../dist-test/workers/${name}.js`, import.meta.url));

/** What a worker prints that may have so few descriptors. */
async function underLimit(limit: number, ...command: readonly string[]): Promise<unknown> {
  const child = spawn('sh', ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  expect(await once(child, 'close')).toEqual([0, null]);
  return JSON.parse(said);
}

/** What runs a command without privileges; `undefined` where that cannot be. */
function unprivileged(file: string): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return [];
  const drop = ['--reuid=65534', '--clear-groups', '--bounding-set=-all'];
  const check = ['sh', '-c', 'test -x "$0" && test -r "$1"', process.execPath, file];
  return spawnSync('setpriv', [...drop, ...check]).status === 0 ? ['setpriv', ...drop] : undefined;
}

describe.each(['stream', 'seqpacket'] as const)('%s', (type) => {
  test('over the limit there is no room, until the peer has received some; messages without go on', async () => {
    await using pair = slowPair(type, 4);
    const { channel } = pair;
    expect(descriptorsInFlight(channel)).toBe(0);
    for (let n = 1; n <= 4; n++) {
      expect(channel.trySend(one(native.eventfd(0)))).toBe(true);
      expect(descriptorsInFlight(channel)).toBe(n);
    }
    const kept = native.eventfd(0);
    const waiting = one(kept);
    expect(channel.trySend(waiting)).toBe(false);
    expect(fstatSync(kept).isFile()).toBe(false); // it is open
    expect(channel.trySend(pattern(1))).toBe(true); // which brings none
    const sent = channel.send(waiting);
    expect(descriptorsInFlight(channel)).toBe(4);
    expect(channel.bufferedBytes).toBeGreaterThan(0);

    expect([pair.receive(), pair.receive()]).toEqual([1, 1]); // of small messages, two make room for one for sure
    await sent;
    expect(descriptorsInFlight(channel)).toBeGreaterThanOrEqual(3);
    expect(descriptorsInFlight(channel)).toBeLessThanOrEqual(4);
    expect(() => fstatSync(kept)).toThrow('EBADF');
    for (let received = 2; received < 5;) received += pair.receive();
    expect(descriptorsInFlight(channel)).toBe(0);
  });

  test('what waits for room goes with the peer', async () => {
    const pair = slowPair(type, 1);
    const kept = native.eventfd(0);
    expect(pair.channel.trySend(one(native.eventfd(0)))).toBe(true);
    const sent = pair.channel.send(one(kept));
    const failed = expect(sent).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
    await pair[Symbol.asyncDispose]();
    await failed;
    native.close(kept); // still the caller's
  });

  test('a message that alone brings more says what it needs', async () => {
    await using pair = slowPair(type, 2);
    const fds = [native.eventfd(0), native.eventfd(0), native.eventfd(0)];
    await expect(pair.channel.send(withDescriptors(pattern(1), fds))).rejects.toMatchObject({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringMatching(
        /3 descriptors .*maxDescriptorsInFlight, which is 2; set it to 3/,
      ) as string,
    });
    fds.forEach(native.close);
    await pair.channel.send(pattern(2));
  });

  test('the limit of the kernel, over all of a user, is told with its value, and the channel goes on', async (context) => {
    const file = workerFile('many-in-flight');
    const command = unprivileged(file);
    if (command === undefined) {
      context.skip('no setpriv, or nobody may read these files: for root the kernel has no such limit');
      return;
    }
    const told = await underLimit(150, ...command, process.execPath, file, type);
    expect(told).toMatchObject({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringMatching(/ETOOMANYREFS: 1 .* which is 150 \(RLIMIT_NOFILE\)/) as string,
    });
    const { sentAtFirst, sent } = told as { sentAtFirst: number; sent: number };
    expect(sentAtFirst).toBeGreaterThan(0);
    expect(sent).toBe(sentAtFirst + 1);
  });
});

describe.each([
  ['unix', unix],
  ['seqpacket', seqpacket],
] as const)('%s', (mechanism, transport) => {
  test('far more than the limit arrive, in order, and never more are under way', async () => {
    await using ends = await connectedPair(transport({ maxDescriptors: 3, maxDescriptorsInFlight: 8 }));
    const count = 150;
    const sending = (async () => {
      for (let n = 0; n < count; n++) {
        const fds = Array.from({ length: n % 4 }, () => native.eventfd(0));
        await ends.a.send(withDescriptors(pattern(n * 40, n), fds));
        expect(descriptorsInFlight(ends.a)).toBeLessThanOrEqual(8);
      }
    })();
    for (let n = 0; n < count; n++) {
      const message = await ends.b.receive();
      expectBytes(message, pattern(n * 40, n));
      const fds = takeDescriptors(message ?? pattern(0));
      expect(fds).toHaveLength(n % 4);
      fds.forEach(native.close);
    }
    await sending;
    expect(descriptorsInFlight(ends.a)).toBe(0);
  });

  test('a receiver that can have no more descriptors: a typed error, and none is left open', async () => {
    await using listener = await transport({ maxDescriptors: 8 }).listen(uniqueName('no-more'));
    const file = workerFile('few-to-receive');
    const told = underLimit(150, process.execPath, file, listener.name, mechanism);
    const channels: Channel[] = [await listener.accept(), await listener.accept()];
    await Promise.all(
      channels.map(async (channel) => {
        await channel.receive(); // it is ready
        const fds = Array.from({ length: 5 }, () => native.eventfd(0));
        await channel.send(withDescriptors(pattern(5), fds));
        await channel.receive().catch(() => undefined);
        await channel.close();
      }),
    );
    const { code, before, after, taken } = (await told) as Record<string, unknown>;
    expect(code).toBe('ERR_IPC_LIMIT');
    expect(after).toBeLessThanOrEqual(before as number); // something of Node's own may have been open before
    expect(taken).toBe(5); // another channel, once there are descriptors again
  });
});

test('channels that carry none have no number, and a datagram refuses them before its receiver is harmed', async () => {
  await using ends = await connectedPair(tcp());
  expect(descriptorsInFlight(ends.a)).toBeUndefined();
  const name = uniqueName('datagram');
  await using receiver = openDatagramReceiver(name);
  await using sender = openDatagramSender(name);
  const kept = native.eventfd(0);
  await expect(sender.send(one(kept))).rejects.toMatchObject({ code: 'ERR_IPC_UNSUPPORTED' });
  native.close(kept);
  await sender.send(pattern(9));
  expectBytes(await receiver.receive(), pattern(9));
});

test('a limit out of range is refused at once', () => {
  for (const maxDescriptorsInFlight of [0, -1, 1.5, Number.NaN]) {
    expect(() => unix({ maxDescriptorsInFlight })).toThrow(RangeError);
    expect(() => seqpacket({ maxDescriptorsInFlight })).toThrow(RangeError);
    expect(() => adoptChannel(0, { maxDescriptorsInFlight })).toThrow(RangeError);
  }
});
