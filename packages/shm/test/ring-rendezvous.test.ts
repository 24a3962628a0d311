import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { close, receiveMessage, sendMessage } from '@ipc/native';
import { Region, ring, RingMemory, RingWriter, type RingOptions } from '@ipc/shm';
import { dialUnix, serveUnix } from '@ipc/socket';
import type { Channel, Listener } from '@ipc/core';
import { noLeaks, pattern, expectBytes, uniqueName } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

function closing<T extends { close(): unknown }>(it: T): T {
  onTestFinished(async () => {
    await it.close();
  });
  return it;
}

async function pair(options: RingOptions = {}, theirs: RingOptions = options): Promise<[Channel, Channel]> {
  const name = uniqueName('ring');
  const listener = closing(await ring(options).listen(name));
  const [there, here] = await Promise.all([ring(theirs).connect(name), listener.accept()]);
  return [closing(here), closing(there)];
}

const untilReadable = async (fd: number, target: Uint8Array, maxFds: number): Promise<readonly number[]> => {
  for (;;) {
    const { bytes, fds } = receiveMessage(fd, target, 0, target.length, maxFds);
    if (bytes >= 0) return fds;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test('who is not authorized is told so, on either side', async () => {
  const name = uniqueName('ring');
  const listener = closing(await ring({ authorize: ({ pid }) => pid !== process.pid }).listen(name));
  await expect(ring().connect(name)).rejects.toMatchObject({
    code: 'ERR_IPC_PERMISSION',
    message: expect.stringContaining('not authorized') as string,
  });
  const open = uniqueName('ring');
  closing(await ring().listen(open));
  await expect(ring({ authorize: () => false }).connect(open)).rejects.toMatchObject({
    code: 'ERR_IPC_PERMISSION',
  });
  await expect(listener.accept({ signal: AbortSignal.timeout(1) })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
});

test.each([
  ['bytes of another protocol', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 'ERR_IPC_MISMATCH'],
  ['too few bytes', Uint8Array.of(1), 'ERR_IPC_MISMATCH'],
  ['another version', Uint8Array.of(0x49, 0x50, 0x43, 0x48, 2, 0, 0, 0, 0, 0, 0, 0), 'ERR_IPC_MISMATCH'],
  ['no memory', Uint8Array.of(0x49, 0x50, 0x43, 0x48, 1, 0, 0, 0, 0, 0, 0, 0), 'ERR_IPC_MISMATCH'],
  [
    'a refusal for want of memory',
    Uint8Array.of(0x49, 0x50, 0x43, 0x48, 1, 0, 1, 0, 2, 0, 0, 0, 0x6e, 0x6f),
    'ERR_IPC_LIMIT',
  ],
  ['nothing', undefined, 'ERR_IPC_PEER_GONE'],
])('a listener that answers with %s is refused', async (_, answer, code) => {
  const name = uniqueName('ring');
  closing(
    await serveUnix(name, {
      suffix: 'ring',
      onConnection: (fd) => {
        if (answer !== undefined) sendMessage(fd, answer, 0, answer.length);
        close(fd);
      },
    }),
  );
  await expect(ring().connect(name)).rejects.toMatchObject({ code });
});

test.each([
  ['of another kind', { kind: 'other', bytes: 1024 }],
  ['that is not two rings', { kind: 'ring', bytes: 1000 }],
])('memory %s is refused', async (_, options) => {
  const name = uniqueName('ring');
  closing(
    await serveUnix(name, {
      suffix: 'ring',
      onConnection: (fd) => {
        using region = Region.anonymous(options);
        const hello = Uint8Array.of(0x49, 0x50, 0x43, 0x48, 1, 0, 0, 0, 0, 0, 0, 0);
        sendMessage(fd, hello, 0, hello.length, [region.descriptor]);
        close(fd);
      },
    }),
  );
  await expect(ring().connect(name)).rejects.toMatchObject({ code: 'ERR_IPC_MISMATCH' });
});

test('waiting for a listener that says nothing can be given up', async () => {
  const name = uniqueName('ring');
  const fds: number[] = [];
  closing(await serveUnix(name, { suffix: 'ring', onConnection: (fd) => fds.push(fd) }));
  onTestFinished(() => {
    fds.forEach(close);
  });
  const reason = new Error('enough');
  await expect(ring().connect(name, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await expect(ring().connect(name, { signal: AbortSignal.timeout(10) })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
});

/** Speaks to a ring listener as a program that knows the wire format and means harm. */
async function hostile(
  listener: Listener,
): Promise<{ channel: Channel; memory: RingMemory; leave: () => void }> {
  const fd = await dialUnix(listener.name, { suffix: 'ring' });
  const channel = closing(await listener.accept());
  const fds = await untilReadable(fd, new Uint8Array(64), 1);
  const region = Region.fromDescriptor(fds[0] as number, { kind: 'ring' });
  const memory = new RingMemory(region.buffer, region.offset + region.bytes / 2, region.bytes / 2 - 384);
  region.close();
  return { channel, memory, leave: () => { close(fd); } }; // prettier-ignore
}

test('a peer that damages positions or records is found out: ERR_IPC_CORRUPT, after what was sound', async () => {
  for (const damage of [
    (memory: RingMemory) => (memory.control[0] = 12345),
    (memory: RingMemory) => (memory.words[4] = -1),
    (memory: RingMemory) => (memory.words[4] = 1000),
    (memory: RingMemory) => (memory.words[5] = 77),
  ]) {
    const listener = closing(await ring({ capacityBytes: 4096 }).listen(uniqueName('ring')));
    const { channel, memory, leave } = await hostile(listener);
    const writer = new RingWriter(memory);
    writer.trySend(Uint8Array.of(1));
    expect(await channel.receive()).toEqual(Uint8Array.of(1));
    writer.trySend(Uint8Array.of(2));
    damage(memory);
    await expect(channel.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    await expect(channel.send(Uint8Array.of(3))).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    leave();
  }
});

test('the listening side chooses the capacity; each side its own limit', async () => {
  const [here, there] = await pair({ capacityBytes: 4096 }, { capacityBytes: 1 << 16, maxMessageBytes: 100 });
  const whole = pattern(4096 - 8, 1);
  await here.send(whole);
  expectBytes(await there.receive(), whole);
  expect(() => there.trySend(pattern(101, 1))).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }),
  );
  await there.send(pattern(100, 1));
  expect(await here.receive()).toHaveLength(100);
});

test('messages of every size pass a small ring both ways, spinning or not', async () => {
  for (const spinUs of [0, 50]) {
    const [here, there] = await pair({ capacityBytes: 1024, spinUs });
    const echo = (async () => {
      for await (const message of there) await there.send(message);
    })();
    for (let length = 0; length <= 1016; length += 8) {
      const message = pattern(length, length);
      await here.send(message);
      expectBytes(await here.receive(), message);
    }
    await here.close();
    await echo;
  }
});

test('messages larger than the ring pass whole, in order with small ones, both ways at once', async () => {
  const [here, there] = await pair({ capacityBytes: 4096 });
  const messages = [10, 5000, 0, 100_000, 1025, 4088, 200_000, 3, 4089, 1024].map((length, seed) =>
    pattern(length, seed),
  );
  const take = async (channel: Channel): Promise<void> => {
    for (let next = 0; next < messages.length;) {
      const seen = channel.drain((message) => {
        expectBytes(message, messages[next++] as Uint8Array);
      }, 2);
      if (seen === 0) expectBytes(await channel.receive(), messages[next++] as Uint8Array);
    }
  };
  await Promise.all([
    here.sendMany(messages),
    take(there),
    Promise.all(messages.map((message) => there.send(message))),
    take(here),
  ]);
});

test('what is left of a large message is in this process until there is room: it counts, keeps the order, and the caller’s buffer is the caller’s', async () => {
  const [here, there] = await pair({ capacityBytes: 4096 });
  const message = pattern(50_000, 1);
  const buffer = Uint8Array.from(message);
  expect(here.trySend(buffer)).toBe(true);
  buffer.fill(0);
  expect(here.bufferedBytes).toBeGreaterThan(40_000);
  expect(here.trySend(Uint8Array.of(1))).toBe(false);
  expect(here.trySendMany([Uint8Array.of(1)])).toBe(0);
  const second = here.send(Uint8Array.of(2));
  const flushed = here.flush();
  expectBytes(await there.receive(), message);
  await Promise.all([second, flushed]);
  expect(here.bufferedBytes).toBe(0);
  expect(await there.receive()).toEqual(Uint8Array.of(2));
});

test('closing waits for what is left of a large message; giving that up, or dying, leaves nothing of it', async () => {
  const [here, there] = await pair({ capacityBytes: 4096 });
  await here.send(pattern(50_000, 1));
  const closed = here.close();
  expectBytes(await there.receive(), pattern(50_000, 1));
  expect(await there.receive()).toBeUndefined();
  await closed;

  const [hasty, patient] = await pair({ capacityBytes: 4096 });
  await hasty.send(Uint8Array.of(1));
  await hasty.send(pattern(50_000, 1));
  await expect(hasty.close({ signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
  expect(await patient.receive()).toEqual(Uint8Array.of(1));
  await expect(patient.receive()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
});

test('a sender learns in the middle of a large message that nobody reads any more', async () => {
  const [here, there] = await pair({ capacityBytes: 4096 });
  await here.send(pattern(50_000, 1));
  const next = here.send(Uint8Array.of(1));
  await Promise.all([expect(next).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' }), there.close()]);
});

test('who was woken answers before it takes the wake-up, and is not kept alive by it once it waits no more', async () => {
  const name = uniqueName('thread');
  const listener = closing(await ring({ spinUs: 0 }).listen(name));
  const thread = new Worker(new URL('../dist-test/workers/ring-woken.js', import.meta.url), {
    argv: [name, '30'],
  });
  const exited = once(thread, 'exit');
  const channel = closing(await listener.accept());
  for (let sequence = 0; sequence < 30; sequence++) {
    await channel.send(Uint8Array.of(sequence));
    expect(await channel.receive()).toEqual(Uint8Array.of(sequence));
  }
  expect(await exited).toEqual([0]);
});

test('a thread that is terminated while it waits in a ring: its peer is told, and the process goes on', async () => {
  for (let round = 0; round < 3; round++) {
    const name = uniqueName('thread');
    const listener = closing(await ring({ capacityBytes: 4096 }).listen(name));
    const thread = new Worker(new URL('../dist-test/workers/ring-thread.js', import.meta.url), {
      argv: [name],
    });
    const channel = closing(await listener.accept());
    expect(await channel.receive()).toEqual(Uint8Array.of(1));
    await Promise.all([
      once(thread, 'exit'),
      thread.terminate(),
      expect(channel.receive()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' }),
    ]);
  }
});

test('a message over the limit is refused by its sender, and by a receiver with a lower one', async () => {
  const [here, there] = await pair(
    { capacityBytes: 4096, maxMessageBytes: 20_000 },
    { maxMessageBytes: 10_000 },
  );
  expect(() => here.trySend(new Uint8Array(20_001))).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }),
  );
  await here.send(pattern(10_000, 1));
  expect(await there.receive()).toHaveLength(10_000);
  expect(here.trySend(pattern(10_001, 1))).toBe(true);
  await expect(there.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
});

test('a drain whose handler fails to decode fails that call, not the channel', async () => {
  const [here, there] = await pair();
  await here.sendMany([Uint8Array.of(1), Uint8Array.of(2)]);
  await here.flush();
  const fault = Object.assign(new Error('decoding'), { code: 'ERR_IPC_CORRUPT' });
  expect(() =>
    there.drain(() => {
      throw fault;
    }),
  ).toThrow(fault);
  expect(await there.receive()).toEqual(Uint8Array.of(2));
});

test('what is sent is there when the turn is over, after a flush, and before its sender looks for an answer', async () => {
  const [here, there] = await pair();
  here.trySend(Uint8Array.of(1));
  expect(there.tryReceive()).toBeUndefined();
  await new Promise((resolve) => {
    process.nextTick(resolve);
  });
  expect(there.tryReceive()).toEqual(Uint8Array.of(1));
  here.trySend(Uint8Array.of(2));
  await here.flush();
  expect(there.tryReceive()).toEqual(Uint8Array.of(2));
  here.trySend(Uint8Array.of(3));
  expect(here.tryReceive()).toBeUndefined();
  expect(there.tryReceive()).toEqual(Uint8Array.of(3));
});

test('bad options are the caller’s bug', () => {
  for (const options of [
    { capacityBytes: 1000 },
    { capacityBytes: 2 ** 31 },
    { maxMessageBytes: 0 },
    { maxMessageBytes: 2 ** 32 },
    { spinUs: -1 },
    { spinUs: NaN },
  ]) {
    expect(() => ring(options)).toThrow(RangeError);
  }
});
