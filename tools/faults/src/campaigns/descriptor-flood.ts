import { isIpcError, type Channel } from '@ipc/core';
import * as native from '@ipc/native';
import { dialUnix, seqpacket, takeDescriptors, unix } from '@ipc/socket';
import type { Campaign } from '../campaign.ts';
import { openDescriptors } from '../left-behind.ts';
import { campaignName } from '../worker.ts';

const maxDescriptors = 3;
/** Messages to one channel at most; most are over sooner. */
const perChannel = 8;

/** L4: descriptors with malformed messages, too many of them, or none where some are announced: all end up closed. */
export const descriptorFlood: Campaign = {
  name: 'descriptor-flood',
  what: 'so many messages with descriptors, most of them malformed, from peers that know only the wire format; streams and packets',
  rounds: 100_000,
  async run({ rounds, random }) {
    const violations: string[] = [];
    let [sent, passed, taken, refused] = [0, 0, 0, 0];
    const name = campaignName('descriptors');
    await using streams = await unix({ maxDescriptors, maxMessageBytes: 64 }).listen(`${name}-s`);
    await using packets = await seqpacket({ maxDescriptors, maxMessageBytes: 64 }).listen(`${name}-p`);
    const before = openDescriptors();
    while (sent < rounds) {
      const listener = random() < 0.5 ? streams : packets;
      const type = listener === streams ? 'stream' : 'seqpacket';
      const fd = await dialUnix(listener.name, { type });
      const channel = await listener.accept();
      for (let n = 0; n < perChannel && sent < rounds; n++, sent++) {
        const fds = Array.from({ length: Math.floor(random() * 6) }, () => native.eventfd(0));
        passed += fds.length;
        try {
          const bytes = type === 'stream' ? attachment(random, fds.length) : packet(random);
          native.sendMessage(fd, bytes, 0, bytes.length, fds);
        } finally {
          fds.forEach(native.close);
        }
      }
      native.close(fd);
      try {
        await takeAll(channel, (count) => (taken += count));
      } catch (error) {
        if (isIpcError(error) && /CORRUPT|PEER_GONE/.test(error.code)) refused++;
        else violations.push(String(error));
      }
      await channel.close();
    }
    const left = openDescriptors() - before;
    if (left > 0) violations.push(`${left} descriptors left`);
    return {
      figure: `${sent} messages with ${passed} descriptors: ${taken} taken, ${refused} channels refused; ${before} descriptors before and ${before + left} after`,
      violations,
    };
  },
};

/** An attachment frame and its message, as they should be or not quite. */
function attachment(random: () => number, count: number): Uint8Array {
  const announced = random() < 0.7 ? count : Math.floor(random() * 256);
  const length = random() < 0.9 ? 5 : Math.floor(random() * 2 ** 32);
  const bytes = new Uint8Array(13);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, announced === 0 ? 1 : 0xffff_fe00 + announced, true);
  view.setUint32(4, announced === 0 ? 0 : length, true);
  return bytes.subarray(0, announced === 0 ? 5 : random() < 0.9 ? 13 : 1 + Math.floor(random() * 12));
}

function packet(random: () => number): Uint8Array {
  const bytes = new Uint8Array(1 + Math.floor(80 * random() ** 3));
  if (random() < 0.2) bytes[0] = Math.floor(random() * 256);
  return bytes;
}

async function takeAll(channel: Channel, onTaken: (count: number) => void): Promise<void> {
  for await (const message of channel) {
    const fds = takeDescriptors(message);
    fds.forEach(native.close);
    onTaken(fds.length);
  }
}
