import { Region, ring } from '@ipc/shm';
import { Mutex, Semaphore } from '@ipc/sync';
import type { Campaign } from '../campaign.ts';
import { namesIn, openDescriptors } from '../left-behind.ts';
import { campaignName } from '../worker.ts';

/** L2: opening and closing again and again leaves nothing. */
export const openClose: Campaign = {
  name: 'open-close',
  what: 'regions, mutexes, semaphores and ring channels opened and closed',
  rounds: 10_000,
  async run({ rounds }) {
    const name = campaignName('cycle');
    const count = (): [descriptors: number, names: number] => [
      openDescriptors(),
      namesIn('/dev/shm', name).length,
    ];
    const cycle = async (): Promise<void> => {
      Region.create(name, { kind: 'faults', bytes: 64 }).close();
      Region.unlink(name, 'faults');
      Mutex.openOrCreate(name).close();
      Semaphore.openOrCreate(name).close();
      await using listener = await ring({ capacityBytes: 4096 }).listen(name);
      await using client = await ring({ capacityBytes: 4096 }).connect(name);
      await using server = await listener.accept();
      await client.send(new Uint8Array(1));
      await server.receive();
    };
    await cycle();
    const before = count();
    for (let round = 0; round < rounds; round++) await cycle();
    await new Promise(setImmediate);
    const after = count();
    const [told, isMore] = [
      describe(before, after),
      after.some((left, index) => left > (before[index] ?? 0)),
    ];
    // Fewer is well: what was there before this run may have gone meanwhile.
    return { figure: `${rounds} cycles: ${told}`, violations: isMore ? [told] : [] };
  },
};

function describe(...counts: readonly (readonly [number, number])[]): string {
  const [before, after] = counts.map(([descriptors, names]) => `${descriptors} descriptors, ${names} names`);
  return `before ${before}, after ${after}`;
}
