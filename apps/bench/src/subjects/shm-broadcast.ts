/** One publisher, and subscribers that it waits for: nothing is lost, as everywhere else here. */
import { Publisher, Subscriber } from '@ipc/shm';
import { setTimeout as delay } from 'node:timers/promises';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';
import { receiverLink, senderLink } from './one-way-link.ts';
import { openMade, removeRegions } from './regions.ts';

const maxMessageBytes = 4096;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'shm.broadcast',
  scenarios: ['fan-out'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  async open({ role, name, followers }) {
    if (role === 'follower')
      return { link: receiverLink(await openMade(() => Subscriber.open(name))), maxMessageBytes };
    const publisher = Publisher.open(name, {
      ...{ slots: 1024, maxMessageBytes, overflow: 'wait', lifetime: 'while-open' },
    });
    while (publisher.subscribers < followers) await delay(2);
    return { link: senderLink(publisher), maxMessageBytes, sendsAtOnce: true };
  },
  cleanUp: removeRegions,
});
