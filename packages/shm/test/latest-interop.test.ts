/** A peer in Python, written from the document alone, reads what is published here, and publishes what is read here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { LatestReader, LatestWriter, Region } from '@ipc/shm';
import { noLeaks, python, uniqueName } from '@ipc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

noLeaks();

const peer = join(import.meta.dirname, 'peers', 'latest_peer.py');
const options = { maxBytes: 64, lifetime: 'while-open' } as const;
const encode = (value: string): Uint8Array => new TextEncoder().encode(value);

function pathOf(name: string): string {
  using region = Region.open(name, { kind: 'latest' });
  return region.path as string;
}

describe.skipIf(python === undefined)('Python', () => {
  const start = (...args: readonly string[]) => {
    const child = spawn(python as string, [peer, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };

  test('reads whole values while they are published as fast as they can be', async () => {
    const name = uniqueName('python');
    using writer = LatestWriter.open(name, options);
    writer.publish(encode('first'));
    const child = start('read', pathOf(name), '50');
    const over = new AbortController();
    const output = text(child.stdout).finally(() => {
      over.abort();
    });
    for (let n = 0; !over.signal.aborted; n++) {
      writer.publish(encode(String(n % 10).repeat(1 + (n % 64))));
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const values = (await output).trim().split('\n');
    expect(values).toHaveLength(50);
    for (const value of values) expect(value).toMatch(/^\d+ (first|(\d)\2*)$/);
  });

  test('publishes, as the one writer there is, and wakes who sleeps', async () => {
    const name = uniqueName('python');
    LatestWriter.open(name, { ...options, lifetime: 'kept' }).close();
    onTestFinished(() => void Region.unlink(name, 'latest'));
    using reader = LatestReader.open(name, { spinUs: 0 });
    const child = start('publish', pathOf(name));
    await once(child.stdout, 'data'); // it has the writer's lock
    expect(() => LatestWriter.open(name, { maxBytes: 64 })).toThrow(/has a writer/);
    for (const value of ['one', '', 'x'.repeat(64)]) {
      const next = reader.next();
      await new Promise((resolve) => setImmediate(resolve));
      child.stdin.write(`${value}\n`);
      expect(new TextDecoder().decode(await next)).toBe(value);
    }
    child.stdin.write('for who blocks\n');
    expect(reader.waitSync({ timeoutMs: 15_000 })).toBe(true);
    expect(new TextDecoder().decode(reader.read())).toBe('for who blocks');
    const exited = once(child, 'exit');
    child.stdin.end();
    expect(await exited).toEqual([0, null]);
  });
});
