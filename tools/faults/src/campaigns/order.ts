import { once } from 'node:events';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { orderLineOf, orderLines, type OrderLine } from '../order-lines.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** M5: four senders, one receiver or four; each message as often as it should be, those of one sender in order at each receiver. */
export const orders: readonly Campaign[] = Object.entries(orderLines).map(orderOf);

/** How many processes send to how many, at most. */
const most = 4;

/** M5 of the queue for every number of senders and receivers, and how fast each is: none may collapse. */
export const queueMatrix: Campaign = {
  name: 'queue-matrix',
  what: `one to ${most} processes send, one to ${most} receive from a shared-memory queue; --rounds messages of each sender`,
  rounds: 100_000,
  async run({ rounds }) {
    const violations: string[] = [];
    const rows: string[] = [];
    for (let senders = 1; senders <= most; senders++) {
      const rates: string[] = [];
      for (let receivers = 1; receivers <= most; receivers++) {
        const { millionsPerSecond, wrongs } = await crowd('queue-order', senders, receivers, rounds);
        violations.push(...wrongs.map((wrong) => `${senders} to ${receivers}: ${wrong}`));
        rates.push(millionsPerSecond.toFixed(2));
      }
      rows.push(`${senders} to 1…${most}: ${rates.join(', ')}`);
    }
    return { figure: `million messages/s from ${rows.join('; from ')}: each once, in order`, violations };
  },
};

function orderOf([line, { receivers, toAll }]: readonly [string, OrderLine]): Campaign {
  return {
    name: line,
    what: `four processes send, ${receivers === 1 ? 'one receives' : 'four receive'}${toAll ? ' everything' : ''}; --rounds messages each`,
    rounds: 250_000,
    async run({ rounds }) {
      const { millionsPerSecond, wrongs } = await crowd(line, most, receivers, rounds);
      return {
        figure: `${most * rounds} messages, ${most} to ${receivers}, ${millionsPerSecond.toFixed(2)} million/s: each ${toAll ? 'once at each' : 'once'}, in order`,
        violations: wrongs,
      };
    },
  };
}

/** So many processes send, and so many receive, until all is received. */
async function crowd(
  line: string,
  senders: number,
  receivers: number,
  rounds: number,
): Promise<{ readonly millionsPerSecond: number; readonly wrongs: readonly string[] }> {
  const { inlet, toAll, unlink } = orderLineOf(line);
  const name = campaignName('order');
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
    const wrongs: string[] = [];
    if (disorder > 0) wrongs.push(`${disorder} out of order`);
    if (wrong > 0)
      wrongs.push(`${wrong} not received exactly ${expected === 1 ? 'once' : `${expected} times`}`);
    return { millionsPerSecond: (senders * rounds) / seconds / 1e6, wrongs };
  } finally {
    await Promise.all(all.map(endWorker));
    await last.close();
    unlink?.(name);
  }
}
