import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodingReceiver, encodingSender, pathOf, utf8, type Receiver } from '@ipc/core';
import {
  expectBytes,
  halfConformance,
  noLeaks,
  pattern,
  spawnPeer,
  uniqueName,
  type Peer,
} from '@ipc/testkit';
import {
  createFifo,
  openFifoReceiver,
  openFifoSender,
  readFifo,
  RECORD_MAX_BYTES,
  spawnChild,
  writeFifo,
} from '@ipc/pipe';
import { afterAll, describe, expect, test } from 'vitest';

noLeaks();

const writerFile = new URL('../dist-test/workers/fifo-writer.js', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'ipc-fifo-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

for (const maxMessageBytes of [RECORD_MAX_BYTES, 8 << 20]) {
  halfConformance(
    `openFifoSender({ maxMessageBytes: ${maxMessageBytes} })`,
    async () => {
      const name = uniqueName('half');
      const receiver = await openFifoReceiver(name);
      return { receiver, sender: await openFifoSender(name, { maxMessageBytes }) };
    },
    { maxMessageBytes, endsWithSender: false },
  );
}

describe('many writers', () => {
  const writers = async (name: string, count: number, maxMessageBytes: number): Promise<Peer[]> => {
    const peers = await Promise.all(
      Array.from({ length: count }, (_, i) => spawnPeer(writerFile, name, String(i))),
    );
    for (const peer of peers) await peer.call('open', maxMessageBytes, false);
    return peers;
  };

  /** Receives until every writer's messages are here; each is checked whole and in its writer's order. */
  const receiveAll = async (receiver: Receiver, counts: readonly number[]): Promise<void> => {
    const next = counts.map(() => 0);
    while (next.some((n, writer) => n < (counts[writer] ?? 0))) await takeNext(receiver, next);
  };

  test.each([
    ['small ones, which share writes', RECORD_MAX_BYTES, 2_000, [8, 100, 4_092]],
    ['large ones, which take turns', 1 << 20, 60, [20, 4_093, 300_000]],
  ])(
    'keep messages whole and in order: %s',
    async (_, maxMessageBytes, count, bytes) => {
      const name = uniqueName('many');
      const receiver = await openFifoReceiver(name);
      const peers = await writers(name, 3, maxMessageBytes);
      const written = Promise.all(peers.map((peer) => peer.call('write', count, ...bytes)));
      await receiveAll(receiver, [count, count, count]);
      await written;
      await Promise.all(peers.map((peer) => peer.kill()));
      await receiver.close();
    },
    30_000,
  );

  test('come and go, and are killed in the middle of a message: the others go on', async () => {
    const name = uniqueName('killed');
    const receiver = await openFifoReceiver(name);
    for (let round = 0; round < 5; round++) {
      const [victim, survivor] = (await writers(name, 2, 4 << 20)) as [Peer, Peer];
      await victim.call('flood', 3_000_000);
      const next = [0, 0];
      for (let i = 0; i <= round; i++) await takeNext(receiver, next);
      await victim.kill(); // the FIFO holds a part of one of its messages
      const written = survivor.call('write', 20, 9, 50_000);
      while ((next[1] ?? 0) < 20) await takeNext(receiver, next);
      await written;
      await survivor.kill();
    }
    await receiver.close();
  }, 30_000);

  test('the receiver waits while there is none', async () => {
    const name = uniqueName('none');
    const receiver = await openFifoReceiver(name);
    const first = await openFifoSender(name);
    await first.send(pattern(3));
    await first.close();
    expectBytes(await receiver.receive(), pattern(3));
    const waiting = receiver.receive();
    const second = await openFifoSender(name);
    await second.send(pattern(4));
    expectBytes(await waiting, pattern(4));
    await second.close();
    await receiver.close();
  });

  test('larger messages than agreed are refused by the sender, dropped by the receiver', async () => {
    const name = uniqueName('larger');
    const receiver = await openFifoReceiver(name, { maxMessageBytes: 10_000 });
    const small = await openFifoSender(name);
    const large = await openFifoSender(name, { maxMessageBytes: 100_000 });
    await expect(small.send(pattern(4_093))).rejects.toMatchObject({ code: 'ERR_IPC_TOO_LARGE' });
    await large.send(pattern(50_000));
    await large.flush();
    await small.send(pattern(7));
    expectBytes(await receiver.receive(), pattern(7));
    await Promise.all([small.close(), large.close(), receiver.close()]);
  });
});

describe('names', () => {
  test('have one receiver, and are free again after it', async () => {
    const name = uniqueName('one');
    await expect(openFifoSender(name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
    const receiver = await openFifoReceiver(name, { mode: 0o622 });
    expect(statSync(pathOf(name, 'fifo')).mode & 0o777).toBe(0o622);
    await expect(openFifoReceiver(name)).rejects.toMatchObject({ code: 'ERR_IPC_EXISTS' });
    const sender = await openFifoSender(name);
    await receiver.close();
    const send = async (): Promise<void> => {
      for (;;) {
        await sender.send(pattern(1));
        await sender.flush();
      }
    };
    await expect(send()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
    await sender.close();
    await expect(openFifoSender(name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
    const again = await openFifoReceiver(name);
    await again.close();
  });

  test('of a killed receiver are reclaimed', async () => {
    const name = uniqueName('dead');
    await using peer = await spawnPeer(writerFile, name);
    await peer.call('receive');
    await expect(openFifoReceiver(name)).rejects.toMatchObject({ code: 'ERR_IPC_EXISTS' });
    await peer.kill();
    await expect(openFifoSender(name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
    const receiver = await openFifoReceiver(name);
    await receiver.close();
  });

  test('may be waited for', async () => {
    const name = uniqueName('wait');
    const opening = openFifoSender(name, { wait: true });
    const receiver = await openFifoReceiver(name);
    const sender = await opening;
    await sender.send(pattern(2));
    expectBytes(await receiver.receive(), pattern(2));
    await Promise.all([sender.close(), receiver.close()]);
    await expect(openFifoSender(name, { wait: true, signal: AbortSignal.timeout(20) })).rejects.toMatchObject(
      { name: 'TimeoutError' },
    );
  });

  test('in a folder that has vanished are a clear error', async () => {
    const vanished = join(folder, 'vanished');
    const before = process.env.XDG_RUNTIME_DIR;
    process.env.XDG_RUNTIME_DIR = vanished;
    try {
      await expect(openFifoReceiver('x')).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
      await expect(openFifoSender('x')).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
    } finally {
      if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
      else process.env.XDG_RUNTIME_DIR = before;
    }
  });

  test('damage ends the receiver with ERR_IPC_CORRUPT', async () => {
    const name = uniqueName('noise');
    const receiver = await openFifoReceiver(name);
    writeFileSync(pathOf(name, 'fifo'), 'no record at all');
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    await receiver.close();
  });
});

describe('FIFOs of other programs', () => {
  test('reads what cat writes, to the last writer', async () => {
    const path = join(folder, 'cat-out');
    execFileSync('sh', ['-c', `mkfifo ${path}`]);
    const content = join(folder, 'content');
    writeFileSync(content, pattern(300_000));
    await using child = await spawnChild('sh', ['-c', `cat ${content} > ${path}`], { channels: {} });
    const receiver = await readFifo(path, { format: 'bytes' });
    const chunks: Uint8Array[] = [];
    for await (const chunk of receiver) chunks.push(chunk);
    expectBytes(Buffer.concat(chunks), pattern(300_000));
    await receiver.close();
    await child.exited;
  });

  test('goes on reading lines while writers come and go', async () => {
    const path = join(folder, 'lines');
    createFifo(path);
    const receiver = await readFifo(path, { format: 'lines', end: 'never' });
    const texts = decodingReceiver(receiver, utf8);
    for (const line of ['one', 'two', 'three']) {
      await using child = await spawnChild('sh', ['-c', `echo ${line} > ${path}`], { channels: {} });
      expect(await texts.receive()).toBe(line);
      expect(await child.exited).toEqual({ code: 0, signal: null });
    }
    await receiver.close();
  });

  test('writes what cat reads, once it reads', async () => {
    const path = join(folder, 'cat-in');
    createFifo(path);
    const opening = writeFifo(path, { format: 'lines' });
    await using child = await spawnChild('cat', [path], {
      channels: { output: { direction: 'from-child', format: 'bytes', fd: 1 } },
    });
    const sender = encodingSender(await opening, utf8);
    await sender.sendMany(['a', 'b']);
    await sender.close();
    expectBytes(await child.channels.output.receive(), Buffer.from('a\nb\n'));
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  test('never blocks a thread: a hundred opens that wait leave the thread pool free', async () => {
    const path = join(folder, 'nobody');
    createFifo(path);
    const abort = new AbortController();
    const opens = Array.from({ length: 100 }, () => [
      expect(writeFifo(path, { signal: abort.signal }).then(() => 'opened')).rejects.toThrow('enough'),
    ]);
    const { readFile } = await import('node:fs/promises');
    expect((await readFile('/proc/self/comm')).length).toBeGreaterThan(0); // needs the pool
    abort.abort(new Error('enough'));
    await Promise.all(opens.flat());
    const reading = expect(readFifo(path, { signal: AbortSignal.timeout(10) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await reading;
  });

  test('says what is wrong with a path', async () => {
    writeFileSync(join(folder, 'file'), 'x');
    for (const open of [readFifo, writeFifo]) {
      await expect(open(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
      await expect(open(join(folder, 'file'))).rejects.toMatchObject({ code: 'ERR_IPC_MISMATCH' });
      await expect(open(join(folder, 'file'), { format: 'xml' as never })).rejects.toThrow(TypeError);
    }
    expect(() => {
      createFifo(join(folder, 'file'));
    }).toThrow(expect.objectContaining({ code: 'ERR_IPC_EXISTS' }));
    expect(() => {
      createFifo(join(folder, 'no', 'folder'));
    }).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));
    expect(() => {
      createFifo(join(folder, 'mode'), { mode: 0o1777 });
    }).toThrow(RangeError);
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('x');
    expect(readdirSync(folder)).not.toContain('mode');
  });
});

/** Receives one message and checks it against its writer's next, which it counts. */
async function takeNext(receiver: Receiver, next: number[]): Promise<void> {
  const message = Buffer.from((await receiver.receive()) ?? []);
  const writer = message.readUInt32BE(0);
  const n = message.readUInt32BE(4);
  expect(n).toBe(next[writer]);
  const fill = (writer * 16 + n) & 255;
  if (message.subarray(8).some((byte) => byte !== fill))
    expect.fail(`message ${n} of writer ${writer} is damaged`);
  next[writer] = n + 1;
}
