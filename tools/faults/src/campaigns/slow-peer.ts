import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Campaign } from '../campaign.ts';
import { limitMemory } from '../limit-memory.ts';
import { transports } from '../transports.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const kinds = ['unix', 'seqpacket', 'tcp', 'fifo', 'heartbeating', 'reconnecting'] as const;
const mostGrowthMiB = 16;
/** Received between two pauses of a millisecond. */
const burst = 4_096;

interface Told {
  readonly waits: number;
  readonly grownMiB: number;
}

/** X4: the receiver is slower than the sender, whose process may take 64 MiB: it has to wait, does not grow, loses nothing. */
export const slowPeer: Campaign = {
  name: 'slow-peer',
  what: 'so many messages, over each kind of channel, from a process that may take 64 MiB to one that pauses all the time',
  rounds: 10_000_000,
  async run({ rounds }) {
    const violations: string[] = [];
    const figures: string[] = [];
    for (const kind of kinds) {
      await using listener = await transports[kind].listen(campaignName(kind));
      const accepted = listener.accept();
      const sender = await startWorker('offering', kind, listener.name, String(rounds));
      await using channel = await accepted;
      using limit = limitMemory(sender.pid ?? 0);
      const ended = once(sender, 'exit');
      const told = once(sender, 'message') as Promise<[Told]>;
      sender.send('go');
      let received = 0;
      const take = (message: Uint8Array): void => {
        const number = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
        if (number !== received && violations.length < 20)
          violations.push(`${kind}: message ${number} instead of ${received}`);
        received++;
      };
      try {
        for (
          let message = await channel.receive();
          message !== undefined;
          message = await channel.receive()
        ) {
          take(message);
          channel.drain(take, burst);
          await setTimeout(1);
        }
        const [{ waits, grownMiB }] = await told;
        figures.push(
          `${kind} ${waits} waits, ${grownMiB.toFixed(1)} MiB more${limit.isOn ? '' : ' (no limit)'}`,
        );
        if (received !== rounds) violations.push(`${kind}: ${received} of ${rounds} came`);
        if (waits === 0) violations.push(`${kind}: it never had to wait`);
        if (grownMiB > mostGrowthMiB) violations.push(`${kind}: ${grownMiB.toFixed(1)} MiB more memory`);
        await ended;
      } catch (error) {
        violations.push(`${kind}: ${String(error)} after ${received} messages`);
      } finally {
        await endWorker(sender);
      }
    }
    return { figure: `${rounds} messages each: ${figures.join('; ')}`, violations };
  },
};
