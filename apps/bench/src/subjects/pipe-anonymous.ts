/** Pipes that a child process inherits. */
import { inherited, spawnChild } from '@ipc/pipe';
import { binaryFormat, MOST_MESSAGE_BYTES } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'pipe.anonymous',
  scenarios: ['throughput', 'throughput-batched', 'round-trip', 'round-trip-paced', 'wake-up'],
  followerStartedBy: 'leader',
  format: binaryFormat,
  floor: 'pipe.anonymous',
  async open({ role, followerProgram }) {
    if (role === 'follower') return { link: inherited() };
    const channels = { main: { maxMessageBytes: MOST_MESSAGE_BYTES } };
    const child = await spawnChild(process.execPath, followerProgram, { channels });
    return { link: child.channel };
  },
});
