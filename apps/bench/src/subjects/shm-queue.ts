/** A queue in memory with many producers; here the followers, and the leader takes what they send. */
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
  scenarios: ['fan-in'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  open({ role, name }) {
    const link =
      role === 'leader'
        ? receiverLink(Consumer.open(name, options))
        : senderLink(Producer.open(name, options));
    return Promise.resolve({ link, maxMessageBytes, sendsAtOnce: true });
  },
  cleanUp: removeRegions,
});
