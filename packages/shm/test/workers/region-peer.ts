import { Region, type NamedRegionOptions } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

const regions: Region[] = [];

serveCommands({
  /** Opens or creates; tells whether it created, and which generation it has. */
  openOrCreate(name: string, options: NamedRegionOptions) {
    const region = Region.openOrCreate(name, options);
    regions.push(region);
    return { created: region.created, generation: region.generation };
  },
  add(word: number, count: number) {
    for (let i = 0; i < count; i++) Atomics.add((regions[0] as Region).words, word, 1);
  },
  close() {
    for (const region of regions.splice(0)) region.close();
  },
  /** Creates as many regions as it can until it is killed. */
  churn(name: string, options: NamedRegionOptions) {
    for (;;) {
      const region = Region.create(name, options);
      region.close();
      Region.unlink(name, options.kind);
    }
  },
});
