import { once } from 'node:events';
import { SharedQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const parties = 4;

/** M5 of the queue: four senders, four receivers; each message once, those of one sender in order at each receiver. */
export const queueOrder: Campaign = {
  name: 'queue-order',
  what: 'four processes send to a shared-memory queue, four receive; --rounds messages each',
  rounds: 250_000,
  async run({ rounds }) {
    const name = campaignName('order');
    const violations: string[] = [];
    const bytes = 4 * (1 + parties * rounds);
    using region = Region.create(name, { kind: 'faults', bytes, lifetime: 'while-open' });
    using queue = SharedQueue.create(name, { capacityBytes: 1 << 20 });
    const start = (role: string, index: number): ReturnType<typeof startWorker> =>
      startWorker('queue-party', role, name, name, String(index), String(rounds));
    const all = await Promise.all(
      Array.from({ length: 2 * parties }, (_, n) => start(n < parties ? 'send' : 'receive', n % parties)),
    );
    try {
      const exits = all.map((worker) => once(worker, 'exit'));
      const startMs = performance.now();
      for (const worker of all) worker.send('go');
      await Promise.all(exits.slice(0, parties));
      for (let n = 0; n < parties; n++) await queue.send(new Uint8Array(0));
      await Promise.all(exits);
      const seconds = (performance.now() - startMs) / 1000;
      const [disorder = 0, ...times] = region.words.subarray(0, 1 + parties * rounds);
      const wrong = times.filter((count) => count !== 1).length;
      if (disorder > 0) violations.push(`${disorder} out of order`);
      if (wrong > 0) violations.push(`${wrong} not received exactly once`);
      const rate = ((parties * rounds) / seconds / 1e6).toFixed(2);
      return {
        figure: `${parties * rounds} messages, 4 to 4, ${rate} million/s: each once, in order`,
        violations,
      };
    } finally {
      await Promise.all(all.map(endWorker));
      queue.unlink();
    }
  },
};
