import type { Campaign } from '../campaign.ts';
import { queueEngines } from '../queue-engines.ts';
import { campaignName } from '../worker.ts';

/** So many messages are offered for one that is received. */
const slowness = 1_000;
const mostGrowthMiB = 16;

/** X4: far more is offered than received; the queue says so, loses nothing it took, and nobody's memory grows. */
export const slowReceiver: Campaign = {
  name: 'slow-receiver',
  what: '--rounds messages offered to a queue of each kind whose receiver takes one in a thousand',
  rounds: 10_000_000,
  run({ rounds }) {
    const violations: string[] = [];
    const figures = Object.entries(queueEngines).map(([engine, open]) => {
      using queue = open(campaignName('slow'));
      const message = new Uint32Array(4);
      const bytes = new Uint8Array(message.buffer);
      let taken = 0;
      let received = 0;
      const receive = (): boolean => {
        const found = queue.tryReceive()?.bytes;
        if (found === undefined) return false;
        const number = new DataView(found.buffer, found.byteOffset).getUint32(0, true);
        if (number !== received) violations.push(`${engine}: message ${number} instead of ${received}`);
        received++;
        return true;
      };
      try {
        let before = 0;
        for (let offered = 0; offered < rounds; offered++) {
          if (offered === rounds / 10) before = process.memoryUsage.rss();
          message[0] = taken;
          if (queue.trySend(bytes)) taken++;
          if (offered % slowness === 0) receive();
        }
        const growthMiB = (process.memoryUsage.rss() - before) / 2 ** 20;
        if (growthMiB > mostGrowthMiB) violations.push(`${engine}: ${growthMiB.toFixed(1)} MiB more memory`);
        while (receive());
        if (received !== taken) violations.push(`${engine}: ${taken} were taken and ${received} received`);
        if (taken === rounds) violations.push(`${engine}: it was never full`);
        return `${engine} took ${taken}, all received, ${growthMiB.toFixed(1)} MiB more memory`;
      } finally {
        queue.unlink();
      }
    });
    return Promise.resolve({ figure: `${rounds} offered to each: ${figures.join('; ')}`, violations });
  },
};
