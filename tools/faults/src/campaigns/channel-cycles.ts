import { readdirSync } from 'node:fs';
import { runtimeDirectory, type Transport } from '@ipc/core';
import { anonymous, fifo } from '@ipc/pipe';
import { seqpacket, tcp, unix } from '@ipc/socket';
import type { Campaign } from '../campaign.ts';
import { campaignName } from '../worker.ts';

const transports: Readonly<Record<string, Transport>> = {
  unix: unix(),
  seqpacket: seqpacket(),
  tcp: tcp(),
  'anonymous pipe': anonymous(),
  fifo: fifo(),
};

/** L2: listeners and channels of every socket and pipe, made, used and closed again and again, leave nothing. */
export const channelCycles: Campaign = {
  name: 'channel-cycles',
  what: 'listeners and channels of sockets and pipes made, used and closed',
  rounds: 10_000,
  async run({ rounds }) {
    const violations: string[] = [];
    const name = campaignName('channels');
    const left = (): string =>
      `${readdirSync('/proc/self/fd').length} descriptors, ${readdirSync(runtimeDirectory()).filter((entry) => entry.includes(name)).length} names`;
    for (const [kind, transport] of Object.entries(transports)) {
      await cycle(transport, name);
      const before = left();
      for (let round = 0; round < rounds; round++) await cycle(transport, name);
      for (let turn = 0; turn < 100 && left() !== before; turn++) await new Promise(setImmediate);
      const after = left();
      if (after !== before) violations.push(`${kind}: ${before} before, ${after} after`);
    }
    return {
      figure: `${rounds} cycles of each of ${Object.keys(transports).join(', ')}: ${left()} at the end`,
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
