import { Counters, Region, type Counter, type CountersOptions } from '@ipc/shm';
import { ofdLock } from '@ipc/native';
import { serveCommands } from '@ipc/testkit/peer';

let counters: Counters | undefined;
const kept: Region[] = [];
const opened = (): Counters => {
  if (counters === undefined) throw new Error('not open');
  return counters;
};

serveCommands({
  open(name: string, options: CountersOptions) {
    counters = Counters.open(name, options);
  },
  /** Adds to each name, so many times, and creates those that are missing. */
  count(names: readonly string[], times: number) {
    const all = names.map((name): Counter => opened().counter(name));
    for (let i = 0; i < times; i++) for (const counter of all) counter.increment();
  },
  /** Claims names, counting to one in each, until it is killed or there is no room. */
  claim(prefix: string) {
    for (let i = 0; ; i++) opened().counter(`${prefix}${i}`).increment();
  },
  /** Claims a slot as far as half writing it, and stays there. */
  claimHalf(name: string, slot: number, at: number) {
    const region = Region.open(name, { kind: 'counters' });
    kept.push(region);
    region.bytesView.fill(0xee, at, at + 256);
    return ofdLock(region.descriptor, 'exclusive', 16 + slot, 1);
  },
});
