/** A child of `spawnChild`: does what its first argument says on its inherited channels. */
import { createHash } from 'node:crypto';
import type { Channel } from '@ipc/core';
import { fifo, inherited, inheritedReceiver, inheritedSender, spawnChild } from '@ipc/pipe';

const actions: Record<string, () => Promise<void>> = {
  async echo() {
    const channel = inherited();
    for await (const message of channel) await channel.send(message);
    await channel.close();
  },
  /** Sends three messages, flushes, and goes without a goodbye. */
  async vanish() {
    const channel = inherited();
    for (let i = 0; i < 3; i++) await channel.send(Uint8Array.of(i));
    await channel.flush();
    process.exit(7);
  },
  async flood() {
    const channel = inherited();
    for (let n = 0; ; n++) await channel.send(new Uint8Array(3_000).fill(n));
  },
  async idle() {
    await inherited().receive();
  },
  /** Three channels at once: what comes on `orders` goes doubled to `results`, a line of each to `log`. */
  async clerk() {
    const [orders, results, log] = [
      inheritedReceiver('orders'),
      inheritedSender('results'),
      inheritedSender('log'),
    ];
    for await (const order of orders) {
      await results.send(order.map((byte) => byte * 2));
      await log.send(Buffer.from(`order of ${order.length} bytes`));
    }
    await Promise.all([results.close(), log.close()]);
  },
  /** Answers with the errors of asking wrongly. */
  async wrong() {
    const channel = inherited();
    const code = (call: () => unknown): string => {
      try {
        call();
        return 'none';
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      }
    };
    const codes = [
      code(() => inherited()),
      code(() => inherited('nothing')),
      code(() => inherited('log')),
      code(() => inheritedReceiver('log')),
      process.env.IPC_PIPE_CHANNELS === undefined ? 'gone' : 'there',
    ];
    inheritedSender('log');
    codes.push(process.env.IPC_PIPE_CHANNELS === undefined ? 'gone' : 'there');
    await channel.send(Buffer.from(codes.join(' ')));
    await channel.close();
    process.exit();
  },
  /** Its own child must not hold its channel open. */
  async parent() {
    const channel = inherited();
    const news = inheritedSender('news');
    const child = await spawnChild('sleep', ['1000'], { channels: {}, stdio: 'ignore' });
    child.process.unref();
    await channel.send(Buffer.from(String(child.pid)));
    await channel.receive();
    await news.close();
  },
  /** Answers a long stream, which an empty message ends, with its checksum. */
  checksum: () => checksum(inherited()),
  'fifo-checksum': async () => checksum(await fifo().connect(process.argv[3] ?? '')),
};

async function checksum(channel: Channel): Promise<void> {
  const hash = createHash('sha1');
  for await (const message of channel) {
    if (message.length === 0) break;
    hash.update(message);
  }
  await channel.send(hash.digest());
  await channel.close();
}

await actions[process.argv[2] ?? '']?.();
