import { closeSync, openSync, readFileSync, readSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelConformance, expectBytes, fill, halfConformance, noLeaks, pattern } from '@ipc/testkit';
import { anonymous, openPipe, PACKET_MAX_BYTES, packetPipe, pipe, pipePair } from '@ipc/pipe';
import { utf8, encodingSender, decodingReceiver } from '@ipc/core';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

noLeaks();

channelConformance(() => anonymous());
halfConformance('pipe()', () => Promise.resolve(pipe()), { maxMessageBytes: 16 << 20 });
halfConformance('packetPipe()', () => Promise.resolve(packetPipe()), { maxMessageBytes: PACKET_MAX_BYTES });

describe('packetPipe', () => {
  test('says goodbye behind a full pipe', async () => {
    const { sender, receiver } = packetPipe();
    const sent = await fill(sender, pattern(100));
    const closed = sender.close();
    expect(await collect(receiver)).toHaveLength(sent);
    await closed;
    await receiver.close();
  });
});

describe('pipePair', () => {
  test('connects two channels', async () => {
    const [a, b] = pipePair();
    await a.send(pattern(5));
    await b.send(pattern(6));
    expectBytes(await b.receive(), pattern(5));
    expectBytes(await a.receive(), pattern(6));
    await Promise.all([a.close(), b.close()]);
  });
});

describe('lines', () => {
  const lines = (
    options = {},
  ): {
    sender: ReturnType<typeof encodingSender<string>>;
    receiver: ReturnType<typeof decodingReceiver<string>>;
    raw: ReturnType<typeof pipe>;
  } => {
    const raw = pipe({ format: 'lines', ...options });
    return { sender: encodingSender(raw.sender, utf8), receiver: decodingReceiver(raw.receiver, utf8), raw };
  };

  test('carries lines, the empty one too, and ends', async () => {
    const { sender, receiver } = lines();
    await sender.sendMany(['one', '', 'drei ✓']);
    await sender.close();
    expect(await collect(receiver)).toEqual(['one', '', 'drei ✓']);
    await receiver.close();
  });

  test('refuses a newline inside', async () => {
    const { sender, receiver } = lines();
    await expect(sender.send('a\nb')).rejects.toThrow(TypeError);
    expect(() => sender.trySend('a\nb')).toThrow(TypeError);
    await sender.send('c');
    expect(await receiver.receive()).toBe('c');
    await sender.close();
    await receiver.close();
  });

  test('any text in any pieces gives the same lines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom(0x0a, 0x61, 0x62), { maxLength: 40 }), { maxLength: 20 }),
        async (pieces) => {
          const { reader, writer } = openPipe();
          const receiver = decodingReceiver(reader.receiver({ format: 'lines' }), utf8);
          const sender = writer.sender({ format: 'bytes' });
          const received = collect(receiver);
          for (const piece of pieces) {
            await sender.send(Uint8Array.from(piece));
            await sender.flush();
            await new Promise((resolve) => setImmediate(resolve)); // the reader takes this piece by itself
          }
          const text = String.fromCharCode(...pieces.flat());
          const expected = text.split('\n');
          if (expected.at(-1) === '') expected.pop();
          await sender.close();
          expect(await received).toEqual(expected);
          await receiver.close();
        },
      ),
      { numRuns: 200 },
    );
  });

  test('carries lines longer than its buffer, and refuses those beyond the limit', async () => {
    const { sender, receiver } = lines({ maxMessageBytes: 300_000 });
    const sent = sender.sendMany(['x'.repeat(300_000), 'y'.repeat(200_000), 'z']);
    expect(await receiver.receive()).toBe('x'.repeat(300_000));
    expect(await receiver.receive()).toBe('y'.repeat(200_000));
    expect(await receiver.receive()).toBe('z');
    await sent;
    await sender.close();
    await receiver.close();

    const { reader, writer } = openPipe();
    const limited = reader.receiver({ format: 'lines', maxMessageBytes: 10 });
    const bytes = writer.sender({ format: 'bytes' });
    await bytes.send(Buffer.from('short\nmuch too long\n'));
    expectBytes(await limited.receive(), Buffer.from('short'));
    await expect(limited.receive()).rejects.toMatchObject({ code: 'ERR_IPC_TOO_LARGE' });
    await bytes.close().catch(() => undefined);
    await limited.close();
  });
});

describe('bytes', () => {
  test('carries every byte in order, with backpressure, and ends', async () => {
    const { sender, receiver } = pipe({ format: 'bytes' });
    const sent = await fill(sender, pattern(10_000));
    expect(sent).toBeLessThan(200);
    const more = sender.send(pattern(1_000_000, 2)).then(() => sender.close());
    const chunks = await collect(receiver);
    await more;
    const expected = [...Array.from({ length: sent }, () => pattern(10_000)), pattern(1_000_000, 2)];
    expectBytes(Buffer.concat(chunks), Buffer.concat(expected));
    await receiver.close();
  });

  test('is a peer that is gone, once the reader closes', async () => {
    const { sender, receiver } = pipe({ format: 'bytes' });
    await receiver.close();
    const send = async (): Promise<void> => {
      for (;;) {
        await sender.send(pattern(10));
        await sender.flush();
      }
    };
    await expect(send()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
    await sender.close();
  });
});

describe('openPipe', () => {
  test('tells and sets the capacity, and what is pending', () => {
    using ends = disposable(openPipe({ capacityBytes: 100_000 }));
    expect(ends.reader.capacityBytes).toBe(131_072);
    ends.writer.capacityBytes = 8_192;
    expect(ends.reader.capacityBytes).toBe(8_192);
    writeFileSync(ends.writer.fd, 'seven b');
    expect(ends.reader.bytesPending).toBe(7);
    expect(ends.writer.bytesPending).toBe(7);
  });

  test('refuses a capacity that is no number of bytes, or more than the system grants', () => {
    const max = Number(readFileSync('/proc/sys/fs/pipe-max-size', 'utf8'));
    expect(() => openPipe({ capacityBytes: 0 })).toThrow(RangeError);
    expect(() => openPipe({ capacityBytes: 1.5 })).toThrow(RangeError);
    if (process.getuid?.() === 0) return; // root may have more
    expect(() => openPipe({ capacityBytes: max + 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_LIMIT' }),
    );
  });

  test('refuses to become smaller than what is in it', () => {
    using ends = disposable(openPipe({ capacityBytes: 65_536 }));
    writeFileSync(ends.writer.fd, new Uint8Array(20_000));
    expect(() => (ends.writer.capacityBytes = 4_096)).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_LIMIT' }),
    );
  });

  test('closes twice, and says so afterwards', () => {
    const { reader, writer } = openPipe();
    for (const end of [reader, writer, reader, writer]) end.close();
    expect(() => reader.fd).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
    expect(() => writer.bytesPending).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  });

  test('gives Node and Web streams', async () => {
    const { reader, writer } = openPipe();
    const writable = writer.toWritable();
    const read = buffer(Readable.toWeb(reader.toReadable()));
    writable.end(pattern(500_000));
    await finished(writable);
    expectBytes(await read, pattern(500_000));
  });

  test('splices a file in and a file out', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ipc-splice-'));
    const content = pattern(3_000_001);
    writeFileSync(join(folder, 'in'), content);
    const source = openSync(join(folder, 'in'), 'r');
    const target = openSync(join(folder, 'out'), 'w');
    const { reader, writer } = openPipe();
    const filled = writer.spliceFrom(source).then((moved) => {
      writer.close();
      return moved;
    });
    expect(await reader.spliceTo({ fd: target }, { bytes: 1_000 })).toBe(1_000);
    expect(await reader.spliceTo(target)).toBe(content.length - 1_000);
    expect(await filled).toBe(content.length);
    expectBytes(readFileSync(join(folder, 'out')), content);
    reader.close();
    closeSync(source);
    closeSync(target);
    rmSync(folder, { recursive: true });
  });

  test('tees what waits into another pipe, and keeps it', () => {
    using ends = disposable(openPipe());
    using other = disposable(openPipe());
    expect(ends.reader.tee(other.writer)).toBe(0);
    writeFileSync(ends.writer.fd, 'for both');
    expect(ends.reader.tee(other.writer)).toBe(8);
    expect(ends.reader.bytesPending).toBe(8);
    const copy = Buffer.alloc(16);
    expect(readSync(other.reader.fd, copy)).toBe(8);
    expect(copy.toString('utf8', 0, 8)).toBe('for both');
    other.reader.close();
    expect(() => ends.reader.tee(other.writer)).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_PEER_GONE' }),
    );
    expect(() => ends.reader.tee(other.writer, -1)).toThrow(RangeError);
  });

  test('an abort ends a splice that waits', async () => {
    using ends = disposable(openPipe());
    using other = disposable(openPipe());
    const abort = new AbortController();
    const splicing = expect(ends.reader.spliceTo(other.writer, { signal: abort.signal })).rejects.toThrow(
      'enough',
    );
    setImmediate(() => {
      abort.abort(new Error('enough'));
    });
    await splicing;
  });
});

function disposable(ends: ReturnType<typeof openPipe>): typeof ends & Disposable {
  return {
    ...ends,
    [Symbol.dispose]() {
      ends.reader.close();
      ends.writer.close();
    },
  };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
