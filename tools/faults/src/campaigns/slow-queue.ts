import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { QueueMessage } from '@ipc/mq';
import type { Campaign } from '../campaign.ts';
import { limitMemory } from '../limit-memory.ts';
import { openQueue, queueEngines } from '../queue-engines.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const mostGrowthMiB = 16;
/** Received between two pauses of a millisecond. */
const burst = 4_096;

interface Told {
  readonly waits: number;
  readonly grownMiB: number;
}

function fail(): never {
  throw new Error('the sender ended before it told anything');
}

/** X4: the receiver is slower than the sender, whose process may take 64 MiB: it has to wait, does not grow, loses nothing. */
export const slowQueue: Campaign = {
  name: 'slow-queue',
  what: 'so many messages, by a queue of each kind, from a process that may take 64 MiB to one that pauses all the time',
  rounds: 1_000_000,
  async run({ rounds }) {
    const violations: string[] = [];
    const figures: string[] = [];
    for (const engine of Object.keys(queueEngines)) {
      const name = campaignName(`slow-${engine}`);
      using queue = openQueue(engine, name);
      const sender = await startWorker('queue-offering', engine, name, String(rounds));
      using limit = limitMemory(sender.pid ?? 0);
      try {
        const told = once(sender, 'message') as Promise<[Told]>;
        const ended = once(sender, 'exit');
        sender.send('go');
        let received = 0;
        const take = ({ bytes }: QueueMessage): void => {
          const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
          if (number !== received && violations.length < 20)
            violations.push(`${engine}: message ${number} instead of ${received}`);
          received++;
        };
        for (;;) {
          const isOver = sender.exitCode !== null || sender.signalCode !== null;
          if (queue.drain(take, burst) === 0 && isOver) break;
          await setTimeout(1);
        }
        if (received !== rounds) violations.push(`${engine}: ${received} of ${rounds} came`);
        const [{ waits, grownMiB }] = await Promise.race([told, ended.then(fail)]);
        figures.push(
          `${engine} ${waits} waits, ${grownMiB.toFixed(1)} MiB more${limit.isOn ? '' : ' (no limit)'}`,
        );
        if (waits === 0) violations.push(`${engine}: it never had to wait`);
        if (grownMiB > mostGrowthMiB) violations.push(`${engine}: ${grownMiB.toFixed(1)} MiB more memory`);
      } finally {
        await endWorker(sender);
        queue.unlink();
      }
    }
    return { figure: `${rounds} messages each: ${figures.join('; ')}`, violations };
  },
};
