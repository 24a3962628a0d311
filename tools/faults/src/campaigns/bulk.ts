import { createHash } from 'node:crypto';
import type { Channel } from '@ipc/core';
import type { Campaign } from '../campaign.ts';
import { transports } from '../transports.ts';
import { campaignName } from '../worker.ts';

const kinds = ['unix', 'seqpacket', 'tcp', 'heartbeating', 'reconnecting', 'anonymous pipe', 'fifo'] as const;

/** A gibibyte through each path, in messages of every length there is, comes out as it went in. */
export const bulk: Campaign = {
  name: 'bulk',
  what: 'so many MiB through each path of sockets and pipes, in messages from 0 bytes to 1 MiB, with a checksum',
  rounds: 1024,
  async run({ rounds, random }) {
    const violations: string[] = [];
    const figures: string[] = [];
    for (const kind of kinds) {
      const transport = transports[kind];
      await using listener = await transport.listen(campaignName('bulk'));
      const accepted = listener.accept();
      const near = await transport.connect(listener.name);
      const far = await accepted;
      const startMs = performance.now();
      const received = checksum(far);
      const sent = await send(near, rounds * 2 ** 20, random, transport.traits.maxMessageBytes);
      const { messages, digest } = await received;
      await far.close();
      if (digest !== sent.digest || messages !== sent.messages)
        violations.push(
          `${kind}: ${sent.messages} messages went in and ${messages} came out, or not the same`,
        );
      figures.push(`${kind} ${sent.messages} in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
    }
    return { figure: `${rounds} MiB each, messages: ${figures.join(', ')}`, violations };
  },
};

interface Traffic {
  readonly messages: number;
  /** Over the lengths and the bytes. */
  readonly digest: string;
}

async function send(
  channel: Channel,
  bytes: number,
  random: () => number,
  maxMessageBytes: number,
): Promise<Traffic> {
  const hash = createHash('sha1');
  const source = Uint8Array.from({ length: 2 ** 20 }, () => Math.floor(random() * 256));
  const most = Math.min(maxMessageBytes, source.length);
  let messages = 0;
  for (let left = bytes; left > 0; messages++) {
    const length = Math.min(left, Math.floor((most + 1) * random() ** 4));
    const message = source.subarray(0, length);
    source[messages % source.length] = messages;
    hash.update(`${length} `).update(message);
    if (!channel.trySend(message)) await channel.send(message);
    left -= length;
  }
  await channel.close();
  return { messages, digest: hash.digest('hex') };
}

async function checksum(channel: Channel): Promise<Traffic> {
  const hash = createHash('sha1');
  let messages = 0;
  for await (const message of channel) {
    hash.update(`${message.length} `).update(message);
    messages++;
  }
  return { messages, digest: hash.digest('hex') };
}
