import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { isSlabbed, ownedMemory, ownedSlice, slabFor, unzeroed } from '@ipc/core';

const sizes = [0, 1, 7, 8, 64, 65, 1000, 4096, 65_535, 65_536, (128 << 10) - 1];

test.each(sizes)('messages of %i bytes share a slab, and not a byte of it', (bytes) => {
  const messages = Array.from({ length: 40 }, (_, index) => ownedMemory(bytes).fill(index));

  for (const [index, message] of messages.entries()) {
    expect(message.length).toBe(bytes);
    expect(message.byteOffset % 8).toBe(0);
    expect(Buffer.compare(message, Buffer.alloc(bytes, index))).toBe(0);
    expect(message.buffer.byteLength).toBeLessThanOrEqual(Math.max(64 << 10, 16 * bytes));
  }
});

test('a slab has room for what it was asked for, whatever was cut from it before', () => {
  for (let round = 0; round < 100; round++) {
    for (const bytes of sizes) {
      const slab = slabFor(bytes);
      if (slab.used + bytes > slab.bytes.length) expect.fail(`no room for ${bytes} bytes`);
      slab.used = (slab.used + bytes + 7) & ~7;
    }
  }
});

describe('transfer to a worker', () => {
  test('a buffer that others have messages in stays', () => {
    const message = ownedMemory(1000).fill(1);

    try {
      expect(structuredClone(message, { transfer: [message.buffer as ArrayBuffer] })).toEqual(message); // Node 20
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' }); // later
    }

    expect(message.length).toBe(1000);
    expect(message.every((byte) => byte === 1)).toBe(true);
  });

  test('the buffer of a large message is its own and goes', () => {
    const bytes = 128 << 10;
    const message = ownedMemory(bytes).fill(1);
    expect(isSlabbed(bytes)).toBe(false);
    expect(message.buffer.byteLength).toBe(bytes);

    const moved = structuredClone(message, { transfer: [message.buffer as ArrayBuffer] });

    expect(message.length).toBe(0);
    expect(moved.length).toBe(bytes);
  });
});

test.each([0, 1, 64, 65, 5000, 200_000])('a copy of %i bytes stays when its source changes', (length) => {
  const source = Uint8Array.from({ length: length + 10 }, (_, index) => index);

  const copy = ownedSlice(source, 3, 3 + length);

  const expected = source.slice(3, 3 + length);
  source.fill(255);
  expect(Buffer.compare(copy, expected)).toBe(0);
});

test('memory that is not zeroed has the size asked for', () => {
  expect(unzeroed(100_000).buffer.byteLength).toBe(100_000);
});

const glibc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header
  .glibcVersionRuntime;

test('once there was a large message, memory that was freed stays in the process (glibc)', (context) => {
  context.skip(glibc === undefined, 'a C library of another kind, which learns nothing');
  // What glibc keeps comes from its heap; what it gives back at once is mapped for itself.
  const script = `
      import { readFileSync } from 'node:fs';
      import { setImmediate as turn } from 'node:timers/promises';
      import { ownedMemory } from '@ipc/core';
      const heapBytes = () => {
        const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) .*\\[heap\\]$/m.exec(readFileSync('/proc/self/maps', 'utf8'));
        return Number.parseInt(to, 16) - Number.parseInt(from, 16);
      };
      const grows = () => {
        const before = heapBytes();
        kept.push(Buffer.allocUnsafeSlow(16 << 20));
        return heapBytes() - before >= 16 << 20;
      };
      const kept = [];
      const outOfTheBox = grows();
      ownedMemory(64 << 10);
      let stays = false;
      for (let looks = 0; looks < 100 && !stays; looks++) {
        gc();
        await turn(); // the buffer is freed by another thread
        stays = grows();
      }
      console.log(JSON.stringify({ outOfTheBox, stays }));
    `;

  const printed = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '--eval', script], {
    cwd: import.meta.dirname, // from where '@ipc/core' is found
    encoding: 'utf8',
  });

  expect(JSON.parse(printed)).toEqual({ outOfTheBox: false, stays: true });
});
