import { joinHalves, isIpcError, type Channel } from '@ipc/core';
import { openDatagramReceiver, openDatagramSender } from '@ipc/socket';
import { setTimeout as delay } from 'node:timers/promises';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';

const maxMessageBytes = 128 << 10;

/** Two names, one for each direction: a datagram socket has no connection. */
export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'socket.datagram',
  scenarios: ['throughput', 'throughput-batched', 'round-trip'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  floor: 'socket.datagram',
  async open({ role, name }) {
    const [own, other] = role === 'leader' ? ['leader', 'follower'] : ['follower', 'leader'];
    const receiver = openDatagramReceiver(`${name}.${own}`, { maxMessageBytes });
    const link = joinHalves(await openSender(`${name}.${other}`), receiver);
    return { link: link satisfies Channel, maxMessageBytes };
  },
});

/** The two start at the same time: either may be first. */
async function openSender(name: string): Promise<ReturnType<typeof openDatagramSender>> {
  for (;;) {
    try {
      return openDatagramSender(name, { maxMessageBytes });
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_NOT_FOUND')) throw error;
      await delay(2);
    }
  }
}
