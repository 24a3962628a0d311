import { once } from 'node:events';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { orderLines, type OrderLine } from '../order-lines.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const senders = 4;

/** M5: four senders, one receiver or four; each message as often as it should be, those of one sender in order at each receiver. */
export const orders: readonly Campaign[] = Object.entries(orderLines).map(orderOf);

function orderOf([line, { receivers, toAll, inlet, unlink }]: readonly [string, OrderLine]): Campaign {
  return {
    name: line,
    what: `four processes send, ${receivers === 1 ? 'one receives' : 'four receive'}${toAll ? ' everything' : ''}; --rounds messages each`,
    rounds: 250_000,
    async run({ rounds }) {
      const name = campaignName('order');
      const violations: string[] = [];
      const bytes = 4 * (1 + senders * rounds);
      using region = Region.create(name, { kind: 'faults', bytes, lifetime: 'while-open' });
      const last = inlet(name);
      const start = (role: string, index: number): ReturnType<typeof startWorker> =>
        startWorker('order-party', role, line, name, String(index), String(rounds));
      const all = await Promise.all(
        Array.from({ length: senders + receivers }, (_, n) => start(n < senders ? 'send' : 'receive', n)),
      );
      try {
        const exits = all.map((worker) => once(worker, 'exit'));
        const startMs = performance.now();
        for (const worker of all) worker.send('go');
        await Promise.all(exits.slice(0, senders));
        for (let n = 0; n < (toAll ? 1 : receivers); n++) await last.send(new Uint8Array(0));
        await Promise.all(exits);
        const seconds = (performance.now() - startMs) / 1000;
        const [disorder = 0, ...times] = region.words.subarray(0, 1 + senders * rounds);
        const expected = toAll ? receivers : 1;
        const wrong = times.filter((count) => count !== expected).length;
        if (disorder > 0) violations.push(`${disorder} out of order`);
        if (wrong > 0)
          violations.push(`${wrong} not received exactly ${expected === 1 ? 'once' : `${expected} times`}`);
        const rate = ((senders * rounds) / seconds / 1e6).toFixed(2);
        return {
          figure: `${senders * rounds} messages, ${senders} to ${receivers}, ${rate} million/s: each ${toAll ? 'once at each' : 'once'}, in order`,
          violations,
        };
      } finally {
        await Promise.all(all.map(endWorker));
        await last.close();
        unlink?.(name);
      }
    },
  };
}
