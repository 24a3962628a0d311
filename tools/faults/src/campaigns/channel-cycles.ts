import { runtimeDirectory, type Transport } from '@ipc/core';
import type { Campaign } from '../campaign.ts';
import { namesIn, openDescriptors } from '../left-behind.ts';
import { transports } from '../transports.ts';
import { campaignName } from '../worker.ts';

const kinds = ['unix', 'seqpacket', 'tcp', 'anonymous pipe', 'fifo'] as const;

/** L2: listeners and channels of every socket and pipe, made, used and closed again and again, leave nothing. */
export const channelCycles: Campaign = {
  name: 'channel-cycles',
  what: 'listeners and channels of sockets and pipes made, used and closed',
  rounds: 10_000,
  async run({ rounds }) {
    const violations: string[] = [];
    const name = campaignName('channels');
    const left = (): string =>
      `${openDescriptors()} descriptors, ${namesIn(runtimeDirectory(), name).length} names`;
    for (const kind of kinds) {
      const transport = transports[kind];
      await cycle(transport, name);
      const before = left();
      for (let round = 0; round < rounds; round++) await cycle(transport, name);
      for (let turn = 0; turn < 100 && left() !== before; turn++) await new Promise(setImmediate);
      const after = left();
      if (after !== before) violations.push(`${kind}: ${before} before, ${after} after`);
    }
    return {
      figure: `${rounds} cycles of each of ${kinds.join(', ')}: ${left()} at the end`,
      violations,
    };
  },
};

async function cycle(transport: Transport, name: string): Promise<void> {
  const listener = await transport.listen(name);
  const [near, far] = await Promise.all([transport.connect(name), listener.accept()]);
  await near.send(Uint8Array.of(1));
  await far.receive();
  await Promise.all([near.close(), far.close(), listener.close()]);
}
