import type { Channel } from '@ipc/core';
import { unix } from '@ipc/socket';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const messageBytes = 64;
/** Messages each channel has on their way: one at a time, and a window full. */
const depths = [1, 64];
const measuredMs = 1_500;
const warmUpMs = 500;

/** Many channels at once: the throughput of all together, and whether each gets its share. */
export const crowd: Campaign = {
  name: 'crowd',
  what: 'so many unix channels echo at once; their throughput beside that of one, and the share of each',
  rounds: 1_000,
  async run({ rounds }) {
    const name = campaignName('crowd');
    const server = await startWorker('unix-echo', name);
    const figures: string[] = [];
    const violations: string[] = [];
    try {
      for (const depth of depths) {
        const [one = 0] = await echoes(name, 1, depth);
        const counts = await echoes(name, rounds, depth);
        const total = counts.reduce((sum, count) => sum + count, 0);
        const [least, most] = [Math.min(...counts), Math.max(...counts)];
        figures.push(
          `${depth} under way in each: ${perSecond(total)} together, ${(total / one).toFixed(2)} of one channel's ${perSecond(one)}, most to least ${(most / least).toFixed(2)}`,
        );
        if (total < 0.7 * one) violations.push(`throughput with ${depth} under way: ${total} of ${one}`);
        if (most > 2 * least) violations.push(`shares with ${depth} under way: ${least} to ${most}`);
      }
    } finally {
      await endWorker(server);
    }
    return { figure: `${rounds} channels; ${figures.join('; ')}`, violations };
  },
};

/** Echoes on each of so many channels within the measured time. */
async function echoes(name: string, channels: number, depth: number): Promise<number[]> {
  const message = new Uint8Array(messageBytes);
  const open: Channel[] = [];
  for (let i = 0; i < channels; i++) open.push(await unix().connect(name));
  const counts = new Array<number>(channels).fill(0);
  let counting = false;
  let over = false;
  const running = open.map(async (channel, index) => {
    await channel.sendMany(new Array<Uint8Array>(depth).fill(message));
    let underWay = depth;
    const answer = (): void => {
      underWay--;
      if (counting) counts[index] = (counts[index] ?? 0) + 1;
      if (!over && channel.trySend(message)) underWay++;
    };
    while (underWay > 0) {
      if (channel.drain(answer) > 0) continue;
      if ((await channel.receive()) === undefined) throw new Error('the server has closed a channel');
      answer();
    }
    await channel.close();
  });
  await delay(warmUpMs);
  counting = true;
  await delay(measuredMs);
  counting = false;
  over = true;
  await Promise.all(running);
  return counts;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function perSecond(count: number): string {
  return `${Math.round(count / measuredMs)} k/s`;
}
