import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodingReceiver, encodingSender, utf8 } from '@ipc/core';
import { expectBytes, noLeaks, pattern, testWithPython } from '@ipc/testkit';
import { inherited, spawnChild, type Child, type TwoWaySpec } from '@ipc/pipe';
import { describe, expect, test } from 'vitest';

noLeaks();

const worker = fileURLToPath(new URL('../dist-test/workers/child.js', import.meta.url));
const gone = { code: 'ERR_IPC_PEER_GONE' };
const start = (action: string): Promise<Child<{ readonly main: TwoWaySpec }>> =>
  spawnChild(process.execPath, [worker, action]);

describe('a child of ours', () => {
  test('speaks messages both ways, ends cleanly, and exits by itself', async () => {
    await using child = await start('echo');
    for (const length of [0, 1, 64, 65_536, 3_000_000]) {
      const sent = child.channel.send(pattern(length));
      expectBytes(await child.channel.receive(), pattern(length));
      await sent;
    }
    expect(await child.close()).toEqual({ code: 0, signal: null });
  });

  test('C5 a clean end is told from a child that exits without saying so', async () => {
    await using child = await start('vanish');
    for (let i = 0; i < 3; i++) expectBytes(await child.channel.receive(), Uint8Array.of(i));
    await expect(child.channel.receive()).rejects.toMatchObject(gone);
    expect(await child.exited).toEqual({ code: 7, signal: null });
  });

  test('C7 a receive and a send that wait fail when the child is killed', async () => {
    await using first = await start('idle');
    const waiting = expect(first.channel.receive()).rejects.toMatchObject(gone);
    expect(await first.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await waiting;
    await expect(first.channel.send(pattern(1))).rejects.toMatchObject(gone);

    await using second = await start('flood');
    await second.channel.receive();
    second.process.kill('SIGSTOP');
    const sending = (async () => {
      for (;;) await second.channel.send(pattern(60_000));
    })();
    const failed = expect(sending).rejects.toMatchObject(gone);
    expect(await second.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    const draining = async (): Promise<void> => {
      for (let n = 1; ; n++) expectBytes(await second.channel.receive(), new Uint8Array(3_000).fill(n));
    };
    await expect(draining()).rejects.toMatchObject(gone);
    await failed;
  });

  test('C7 delivers whole messages only, killed at any time', async () => {
    for (let round = 0; round < 8; round++) {
      await using child = await start('flood');
      const count = round * 93;
      for (let n = 0; n <= count; n++)
        expectBytes(await child.channel.receive(), new Uint8Array(3_000).fill(n));
      void child.kill('SIGKILL');
      const draining = async (): Promise<void> => {
        for (let n = count + 1; ; n++)
          expectBytes(await child.channel.receive(), new Uint8Array(3_000).fill(n));
      };
      await expect(draining()).rejects.toMatchObject(gone);
    }
  }, 30_000);

  test('the parent killed: the child sees it and ends', async () => {
    // The parent is a process of its own, whose child is an echo that ends when its channel does.
    const script = `
      import { spawnChild } from ${JSON.stringify(import.meta.resolve('@ipc/pipe'))};
      const child = await spawnChild(process.execPath, [${JSON.stringify(worker)}, 'idle']);
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    await using parent = await spawnChild(process.execPath, ['--input-type=module', '-e', script], {
      channels: { output: { direction: 'from-child', format: 'lines', fd: 1 } },
      stdio: 'ignore',
    });
    const pid = Number(await decodingReceiver(parent.channels.output, utf8).receive());
    await parent.kill('SIGKILL');
    await expectEnded(pid);
  });

  test('has several channels, each with its direction and format', async () => {
    await using child = await spawnChild(process.execPath, [worker, 'clerk'], {
      channels: {
        orders: { direction: 'to-child' },
        results: { direction: 'from-child' },
        log: { direction: 'from-child', format: 'lines' },
      },
    });
    const { orders, results, log } = child.channels;
    await orders.sendMany([pattern(5), pattern(9)]);
    await orders.close();
    expectBytes(
      await results.receive(),
      pattern(5).map((byte) => byte * 2),
    );
    expectBytes(
      await results.receive(),
      pattern(9).map((byte) => byte * 2),
    );
    expect(await results.receive()).toBeUndefined();
    expect(await texts(log)).toEqual(['order of 5 bytes', 'order of 9 bytes']);
    expect(await child.close()).toEqual({ code: 0, signal: null });
  });

  test('inherited says what it cannot give, gives each once, and leaves nothing to its own children', async () => {
    await using child = await spawnChild(process.execPath, [worker, 'wrong'], {
      channels: { main: {}, log: { direction: 'from-child' } },
    });
    const answer = Buffer.from((await child.channel.receive()) ?? []).toString();
    expect(answer).toBe('ERR_IPC_NOT_FOUND ERR_IPC_NOT_FOUND ERR_IPC_MISMATCH ERR_IPC_MISMATCH there gone');
    expect(() => inherited()).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));
  });

  test('what a channel reports is the child, not a grandchild that lives on', async () => {
    await using child = await spawnChild(process.execPath, [worker, 'parent'], {
      channels: { main: {}, news: { direction: 'from-child', fd: 40 } }, // Node itself looks after the first few only
    });
    const grandchild = Number(Buffer.from((await child.channel.receive()) ?? []).toString());
    const waiting = [child.channel, child.channels.news].map((end) =>
      expect(end.receive()).rejects.toMatchObject(gone),
    );
    await child.kill('SIGKILL');
    await Promise.all(waiting);
    process.kill(grandchild, 'SIGKILL');
    await expectEnded(grandchild);
  });

  test('carries 1 GiB with its checksum', async () => {
    await using child = await start('checksum');
    const hash = createHash('sha1');
    const message = pattern(256 << 10);
    for (let i = 0; i < 4096; i++) {
      message[i] = i;
      hash.update(message);
      await child.channel.send(message);
    }
    await child.channel.send(new Uint8Array(0));
    expectBytes(await child.channel.receive(), hash.digest());
    expect(await child.close()).toEqual({ code: 0, signal: null });
  }, 120_000);
});

describe('any program', () => {
  const lines = { format: 'lines' } as const;
  const stdio = {
    input: { ...lines, direction: 'to-child', fd: 0 },
    output: { ...lines, direction: 'from-child', fd: 1 },
  } as const;

  test('takes lines and gives lines on its stdio', async () => {
    await using child = await spawnChild('sort', ['-u'], { channels: stdio });
    const input = encodingSender(child.channels.input, utf8);
    await input.sendMany(['pear', 'apple', 'pear']);
    await input.close();
    expect(await texts(child.channels.output)).toEqual(['apple', 'pear']);
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  test('takes and gives bytes: 1 GiB there and back, with checksums', async () => {
    const bytes = { format: 'bytes' } as const;
    await using child = await spawnChild('cat', [], {
      channels: {
        input: { ...bytes, direction: 'to-child', fd: 0 },
        output: { ...bytes, direction: 'from-child', fd: 1 },
      },
    });
    const { input, output } = child.channels;
    const sent = createHash('sha1');
    const received = createHash('sha1');
    const send = async (): Promise<void> => {
      const chunk = pattern(1 << 18);
      for (let i = 0; i < 4096; i++) {
        chunk[i] = i;
        sent.update(chunk);
        await input.send(chunk);
      }
      await input.close();
    };
    const sending = send();
    for await (const chunk of output) received.update(chunk);
    await sending;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  }, 120_000);

  test('finds its channels where the shell can reach them', async () => {
    await using child = await spawnChild(
      'sh',
      ['-c', 'read line <&5; echo "got $line" >&7; echo done; exit 3'],
      {
        channels: {
          five: { direction: 'to-child', fd: 5, ...lines },
          seven: { direction: 'from-child', fd: 7, ...lines },
          output: { direction: 'from-child', fd: 1, ...lines },
        },
      },
    );
    await child.channels.five.send(Buffer.from('a line'));
    expect(await texts(child.channels.seven)).toEqual(['got a line']);
    expect(await texts(child.channels.output)).toEqual(['done']);
    expect(await child.exited).toEqual({ code: 3, signal: null });
  });

  test('finds them blocking, as any program expects: one that reads before there is anything waits', async () => {
    await using child = await spawnChild('sh', ['-c', 'exec cat <&3 >&4'], {
      channels: {
        there: { direction: 'to-child', format: 'bytes', fd: 3 },
        back: { direction: 'from-child', format: 'bytes', fd: 4 },
      },
    });
    const waits = (): boolean => readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes('(cat) S');
    while (!waits()) await new Promise((resolve) => setTimeout(resolve, 5)); // throws once it has ended
    await child.channels.there.send(pattern(100));
    expectBytes(await child.channels.back.receive(), pattern(100));
    expect(await child.close()).toEqual({ code: 0, signal: null });
  });

  test('its end is the end; whether it was success, its exit status says', async () => {
    await using child = await spawnChild('sh', ['-c', 'printf "half a li"; kill -9 $$'], { channels: stdio });
    expect(await texts(child.channels.output)).toEqual(['half a li']);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  testWithPython('speaks frames in Python', async (python) => {
    const program = `
import os, json, struct
c = json.loads(os.environ['IPC_PIPE_CHANNELS'])['main']
r, w = os.fdopen(c['readFd'], 'rb'), os.fdopen(c['writeFd'], 'wb')
while True:
    n, = struct.unpack('<I', r.read(4))
    if n == 0xffffffff: break
    w.write(struct.pack('<I', n) + r.read(n)[::-1]); w.flush()
`; // no goodbye of its own: who has closed both directions no longer reads

    await using child = await spawnChild(python, ['-c', program]);
    for (const length of [0, 5, 100_000]) {
      await child.channel.send(pattern(length));
      expectBytes(await child.channel.receive(), pattern(length).reverse());
    }
    expect(await child.close()).toEqual({ code: 0, signal: null });
  });
});

describe('disposing', () => {
  test('ends a child that would go on for ever', async () => {
    const child = await spawnChild('sleep', ['1000'], { channels: {} });
    await child[Symbol.asyncDispose]();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('ends one that takes no SIGTERM, and reads nothing', async () => {
    const child = await spawnChild('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], {
      channels: {
        input: { direction: 'to-child', fd: 0, format: 'bytes' },
        output: { direction: 'from-child', fd: 1, format: 'lines' },
      },
    });
    await child.channels.output.receive();
    while (child.channels.input.trySend(new Uint8Array(60_000)));
    await child[Symbol.asyncDispose]();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  }, 10_000);
});

describe('bad input', () => {
  test.each([
    ['no such program', '/nowhere/program', {}, { code: 'ERR_IPC_NOT_FOUND' }],
    ['no such folder', 'cat', { cwd: '/nowhere' }, { code: 'ERR_IPC_NOT_FOUND' }],
    ['a file that is no program', '/etc/passwd', {}, { code: 'ERR_IPC_PERMISSION' }],
  ])('%s is a clear error, and nothing is left', async (_, command, options, error) => {
    const before = descriptors();
    await expect(spawnChild(command, [], options)).rejects.toMatchObject(error);
    expect(descriptors()).toEqual(before);
  });

  test.each([
    [{ a: { direction: 'to-child', fd: 3 }, b: { direction: 'from-child', fd: 3 } }, TypeError],
    [{ a: { direction: 'sideways' } }, TypeError],
    [{ a: { direction: 'to-child', format: 'xml' } }, TypeError],
    [{ a: { direction: 'to-child', fd: -1 } }, RangeError],
    [{ a: { direction: 'to-child', fd: 1_000 } }, RangeError],
    [{ a: { maxMessageBytes: 0 } }, RangeError],
    [{ a: { capacityBytes: -1 } }, RangeError],
    [{ 'a b': {} }, TypeError],
  ])("%j is a caller's bug, and nothing is left", async (channels, error) => {
    const before = descriptors();
    await expect(spawnChild('cat', [], { channels: channels as never })).rejects.toThrow(error);
    expect(descriptors()).toEqual(before);
  });
});

async function texts(receiver: AsyncIterable<Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  for await (const message of receiver) all.push(Buffer.from(message).toString());
  return all;
}

function descriptors(): string[] {
  return readdirSync('/proc/self/fd').slice(0, -1);
}

/** Awaits the end of a process that is not ours: gone, or a zombie nobody has reaped. */
async function expectEnded(pid: number): Promise<void> {
  const lives = (): boolean => {
    try {
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  };
  while (lives()) await new Promise((resolve) => setTimeout(resolve, 5));
}
