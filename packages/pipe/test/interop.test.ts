/** With programs nobody here wrote, where they are installed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { close, connect, socket } from '@ipc/native';
import { expectBytes, noLeaks, pattern, testWith } from '@ipc/testkit';
import { createFifo, openPipe, readFifo, spawnChild, writeFifo } from '@ipc/pipe';
import { afterAll, describe, expect } from 'vitest';

noLeaks();

const folder = mkdtempSync(join(tmpdir(), 'ipc-interop-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const bytes = { format: 'bytes' } as const;

describe('socat', () => {
  testWith('socat', 'between two FIFOs passes everything on, to the end', async () => {
    const [from, to] = [join(folder, 'from'), join(folder, 'to')];
    createFifo(from);
    createFifo(to);
    await using child = await spawnChild('socat', ['-u', `OPEN:${from},rdonly`, `OPEN:${to},wronly`], {
      channels: {},
    });
    const send = async (): Promise<void> => {
      const sender = await writeFifo(from, bytes);
      await sender.send(pattern(1_000_000));
      await sender.close();
    };
    const sent = send();
    const receiver = await readFifo(to, bytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of receiver) chunks.push(chunk);
    await sent;
    expectBytes(Buffer.concat(chunks), pattern(1_000_000));
    await receiver.close();
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  testWith('socat', 'echoes lines on its stdio', async () => {
    await using child = await spawnChild('socat', ['-', 'EXEC:cat'], {
      channels: {
        input: { direction: 'to-child', fd: 0, format: 'lines' },
        output: { direction: 'from-child', fd: 1, format: 'lines' },
      },
    });
    await child.channels.input.send(Buffer.from('there and back'));
    expectBytes(await child.channels.output.receive(), Buffer.from('there and back'));
    await child.channels.input.close();
    expect(await child.channels.output.receive()).toBeUndefined();
  });
});

testWith('nc', 'nc gets what is spliced out of a pipe into its socket', async () => {
  const path = join(folder, 'nc.sock');
  await using child = await spawnChild('nc', ['-l', '-N', '-U', path], {
    channels: { output: { ...bytes, direction: 'from-child', fd: 1 } },
    stdio: 'ignore',
  });
  const target = socket('stream');
  while (!connects(target, path)) await new Promise((resolve) => setTimeout(resolve, 5));
  const { reader, writer } = openPipe();
  const sender = writer.sender(bytes);
  const sent = sender.send(pattern(300_000)).then(() => sender.close());
  const received: Uint8Array[] = [];
  const receiving = (async () => {
    for (let count = 0; count < 300_000; count += received.at(-1)?.length ?? 0)
      received.push((await child.channels.output.receive()) ?? expect.fail('the end came early'));
  })();
  expect(await reader.spliceTo(target)).toBe(300_000);
  await Promise.all([sent, receiving]);
  expectBytes(Buffer.concat(received), pattern(300_000));
  reader.close();
  close(target);
});

/** False until nc listens. */
function connects(fd: number, path: string): boolean {
  try {
    return connect(fd, path);
  } catch {
    return false;
  }
}
