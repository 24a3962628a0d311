/** Looking up a value of 64 bytes among a thousand; the follower sets them. */
import { SharedMap } from '@ipc/shm';
import { defineSubject, type StructureSubject } from '../subject.ts';
import { removeRegions } from './regions.ts';
import { checkWhole, stampWhole, structureEnd } from './structure-end.ts';

const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
const shape = { capacity: 2000, keyBytes: 16, valueBytes: 64 };

export const subject: StructureSubject = defineSubject({
  kind: 'structure',
  id: 'shm.map',
  scenarios: ['operations-alone', 'operations-together'],
  open({ role, name }) {
    const map = SharedMap.open(name, { ...shape, lifetime: 'while-open' });
    const value = new Uint8Array(shape.valueBytes);
    for (const key of keys) map.set(key, value);
    let count = 0;
    const next = (): string => keys[count++ % keys.length] ?? '';
    const operation =
      role === 'leader'
        ? (): void => {
            checkWhole(map.getInto(next(), value) ? value : undefined);
          }
        : (): void => {
            map.set(next(), stampWhole(value, count));
          };
    return Promise.resolve(structureEnd(map, operation));
  },
  cleanUp: removeRegions,
});
