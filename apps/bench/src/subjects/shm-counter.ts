/** Counting; the follower counts the same. */
import { Counters } from '@ipc/shm';
import { defineSubject, type StructureSubject } from '../subject.ts';
import { removeRegions } from './regions.ts';

export const subject: StructureSubject = defineSubject({
  kind: 'structure',
  id: 'shm.counter',
  floor: 'shm.counter',
  scenarios: ['operations-alone', 'operations-together'],
  open({ name }) {
    const counters = Counters.open(name, { capacity: 4, lifetime: 'while-open' });
    const counter = counters.counter('bench');
    let own = 0;
    return Promise.resolve({
      operate(times) {
        for (let i = 0; i < times; i++) counter.increment();
        own += times;
        if (counter.value < own) throw new Error(`${own} were counted and ${counter.value} are there`);
      },
      close() {
        counters.close();
        return Promise.resolve();
      },
    });
  },
  cleanUp: removeRegions,
});
