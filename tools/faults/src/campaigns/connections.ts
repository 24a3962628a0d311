import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Channel } from '@ipc/core';
import { unix } from '@ipc/socket';
import type { Campaign } from '../campaign.ts';
import { openDescriptors } from '../left-behind.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const waves = 3;
/** What the memory of all objects may differ by from one wave to the next, in MiB. */
const slackMiB = 4;

/** L2: thousands of connections, all open at once, leave neither descriptors nor memory behind. */
export const connections: Campaign = {
  name: 'connections',
  what: 'so many unix channels open at once, each used, then all closed; three times over',
  rounds: 10_000,
  async run({ rounds }) {
    const name = campaignName('connections');
    const server = await startWorker('unix-echo', name);
    const figures: string[] = [];
    const violations: string[] = [];
    try {
      await wave(name, Math.min(100, rounds)); // what is opened and loaded at first use
      const before = openDescriptors();
      let memoryMiB = Infinity;
      for (let n = 1; n <= waves; n++) {
        const openMiB = await wave(name, rounds);
        const after = await settled(before);
        for (let i = 0; i < 4; i++) {
          collectGarbage();
          await new Promise(setImmediate); // what the collector lets go of may let go of more
        }
        const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
        const leftMiB = (heapUsed + arrayBuffers) / 2 ** 20;
        figures.push(
          `resident ${openMiB.toFixed(0)} MiB open and ${(rss / 2 ** 20).toFixed(0)} closed, in objects ${leftMiB.toFixed(1)}`,
        );
        if (after > before) violations.push(`wave ${n}: ${after - before} descriptors left`);
        if (leftMiB > memoryMiB + slackMiB)
          violations.push(`wave ${n}: ${(leftMiB - memoryMiB).toFixed(1)} MiB left`);
        memoryMiB = leftMiB;
      }
    } finally {
      await endWorker(server);
    }
    return { figure: `${waves} times ${rounds} connections: ${figures.join('; ')}`, violations };
  },
};

/** Opens them all, has an answer from each, closes them. Returns the memory while all were open, in MiB. */
async function wave(name: string, count: number): Promise<number> {
  const open: Channel[] = [];
  for (let i = 0; i < count; i++) open.push(await unix().connect(name));
  await Promise.all(
    open.map(async (channel, index) => {
      await channel.send(Uint8Array.of(index, index >> 8));
      const answer = await channel.receive();
      if (answer?.[0] !== (index & 255) || answer[1] !== index >> 8)
        throw new Error(`channel ${index} has another's answer`);
    }),
  );
  const openMiB = residentMiB();
  await Promise.all(open.map((channel) => channel.close()));
  return openMiB;
}

/** Descriptors, once no more are open than before the wave; or as many as there are after five seconds. */
async function settled(expected: number): Promise<number> {
  const startMs = performance.now();
  while (openDescriptors() > expected && performance.now() - startMs < 5_000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return openDescriptors();
}

const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

function residentMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}
