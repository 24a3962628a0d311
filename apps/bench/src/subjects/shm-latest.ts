/** Reading the latest value of 64 bytes; the follower publishes. */
import { LatestReader, LatestWriter } from '@ipc/shm';
import { setTimeout as delay } from 'node:timers/promises';
import { defineSubject, type StructureSubject } from '../subject.ts';
import { openMade, removeRegions } from './regions.ts';
import { checkWhole, stampWhole, structureEnd } from './structure-end.ts';

const maxBytes = 64;

export const subject: StructureSubject = defineSubject({
  kind: 'structure',
  id: 'shm.latest',
  floor: 'shm.latest',
  scenarios: ['operations-alone', 'operations-together'],
  async open({ role, name }) {
    if (role === 'follower') {
      const writer = LatestWriter.open(name, { maxBytes, lifetime: 'while-open' });
      const value = new Uint8Array(maxBytes);
      let count = 0;
      const publish = (): void => {
        writer.publish(stampWhole(value, count++));
      };
      publish();
      return structureEnd(writer, publish);
    }
    const target = new Uint8Array(maxBytes);
    const reader = await openMade(() => LatestReader.open(name));
    while (reader.read() === undefined) await delay(2);
    return structureEnd(reader, () => {
      checkWhole(reader.readInto(target) === maxBytes ? target : undefined);
    });
  },
  cleanUp: removeRegions,
});
