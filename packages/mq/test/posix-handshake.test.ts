/** The connector against listeners that say all the wrong things; vectors from docs/wire-formats/mq.json. */
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { posixQueue, PosixQueue } from '@ipc/mq';
import { close, mqOpen, mqUnlink, pipe, sendMessage } from '@ipc/native';
import { serveUnix } from '@ipc/socket';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

interface Vectors {
  readonly accepted: { greeting: string; maxMessages: number; messageBytes: number };
  readonly refused: { greeting: string; reason: string };
  readonly bad: readonly { what: string; greeting: string; code: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/wire-formats/mq.json', import.meta.url), 'utf8'),
) as Vectors;

/** What `connect` rejects with when the listener says `greeting`, sends `fds`, and closes. */
async function rejection(greeting: string, fds: readonly number[] = []): Promise<unknown> {
  const name = uniqueName('hostile');
  const server = await serveUnix(name, {
    suffix: 'mq',
    onConnection(fd) {
      const bytes = Buffer.from(greeting, 'hex');
      if (bytes.length > 0) sendMessage(fd, bytes, 0, bytes.length, fds);
      close(fd);
    },
  });
  try {
    return await posixQueue()
      .connect(name)
      .then(
        () => 'connected',
        (error: unknown) => error,
      );
  } finally {
    await server.close();
  }
}

describe('the greeting of a queue channel', () => {
  test.each(vectors.bad)('$what is $code', async ({ greeting, code }) => {
    expect(await rejection(greeting)).toMatchObject({ code });
  });

  test('a refusal brings its reason', async () => {
    const { greeting, reason } = vectors.refused;
    expect(await rejection(greeting)).toMatchObject({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringContaining(reason) as string,
    });
  });

  test('a listener that vanishes is gone', async () => {
    expect(await rejection('')).toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  });

  test('descriptors that are no queues are refused and closed', async () => {
    const file = openSync('/dev/null', 'r');
    const pipeFds = pipe();
    try {
      for (const fds of [[file, file], pipeFds, [file]]) {
        const error = await rejection(vectors.accepted.greeting, fds);
        expect(error).toMatchObject({ code: 'ERR_IPC_CORRUPT' });
      }
    } finally {
      closeSync(file);
      for (const fd of pipeFds) close(fd);
    }
  });

  test('queues of another size than announced are refused and closed', async () => {
    const name = `/${uniqueName('size')}`;
    const queue = mqOpen(name, constants.O_RDWR | constants.O_CREAT, 0o600, 4, 512);
    mqUnlink(name);
    try {
      const error = await rejection(vectors.accepted.greeting, [queue, queue]);
      expect(error).toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    } finally {
      close(queue);
    }
  });

  test('a listener over a limit tells the connector which', async () => {
    const transport = posixQueue({ maxMessages: 1_000_000 });
    await using listener = await transport.listen(uniqueName('limit'));
    await expect(transport.connect(listener.name)).rejects.toMatchObject({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringContaining(`fs.mqueue.msg_max is ${PosixQueue.limits().maxMessages}`) as string,
    });
  });

  test.each([{ maxMessages: 0 }, { maxMessageBytes: 1.5 }])('refuses the options %j', (options) => {
    expect(() => posixQueue(options)).toThrow(RangeError);
  });
});
