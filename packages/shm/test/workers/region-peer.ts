import { truncateSync } from 'node:fs';
import { Region, type NamedRegionOptions, type RegionName } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

const regions: Region[] = [];

serveCommands({
  /** Opens or creates; tells whether it created, and which generation it has. */
  openOrCreate(name: RegionName, options: NamedRegionOptions) {
    const region = Region.openOrCreate(name, options);
    regions.push(region);
    return { created: region.created, generation: region.generation };
  },
  add(word: number, count: number) {
    for (let i = 0; i < count; i++) Atomics.add((regions[0] as Region).words, word, 1);
  },
  /** Writes and reads all of the last region until it is damaged; tells what came of it. */
  async useUntilDamaged() {
    const region = regions.at(-1) as Region;
    let rounds = 0;
    do {
      region.bytesView.fill(++rounds);
      Atomics.add(region.words, region.words.length - 1, 1);
    } while (!region.damaged);
    const codeOf = (error: unknown): unknown => (error as { code?: string }).code;
    let intact: unknown = 'intact';
    try {
      region.assertIntact();
    } catch (error) {
      intact = codeOf(error);
    }
    const sync = await region.sync().catch(codeOf);
    region.close();
    return { rounds, intact, sync };
  },
  truncate(path: string, bytes: number) {
    truncateSync(path, bytes);
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
