/** Two queues in memory with many producers and many consumers: what the leader sends, and what it takes. */
import { Consumer, Producer } from '@ipc/shm';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';
import { receiverLink, senderLink } from './one-way-link.ts';
import { removeRegions } from './regions.ts';

const maxMessageBytes = 4096;
const options = { slots: 1024, maxMessageBytes, lifetime: 'while-open' } as const;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'shm.queue',
  scenarios: ['fan-in', 'work-sharing'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  open({ role, name }) {
    const [outgoing, incoming] = role === 'leader' ? [there(name), back(name)] : [back(name), there(name)];
    const sender = senderLink(Producer.open(outgoing, options));
    const receiver = receiverLink(Consumer.open(incoming, options));
    const link = {
      ...sender,
      tryReceive: () => receiver.tryReceive(),
      receive: () => receiver.receive(),
      async close(): Promise<void> {
        await Promise.all([sender.close(), receiver.close()]);
      },
    };
    return Promise.resolve({ link, maxMessageBytes, sendsAtOnce: true });
  },
  cleanUp({ name }) {
    for (const queue of [there(name), back(name)]) removeRegions({ name: queue });
  },
});

const there = (name: string): string => `${name}-there`;
const back = (name: string): string => `${name}-back`;
