import { SharedQueue, type QueueSendOptions } from '@ipc/mq';
import type { Campaign } from '../campaign.ts';
import { campaignName } from '../worker.ts';

const least = 1_000;
const depths = [least, 10_000, 100_000, 1_000_000];

/** What a message is sent with, and so where it lies. */
const lanes: Readonly<Record<string, (number: number) => QueueSendOptions | undefined>> = {
  ring: () => undefined,
  priorities: (number) => ({ priority: 1 + (number % 1023) }),
  'times to live': (number) => ({ priority: 1, ttlMs: 3.6e6 + ((number * 7919) % 1e6) }),
};

/** Send and receive at a depth of up to a million messages: each once and whole, and what an operation costs. */
export const queueDepth: Campaign = {
  name: 'queue-depth',
  what: 'a million messages queued in a shared-memory queue; --rounds operations at each depth, in each lane',
  rounds: 20_000,
  run({ rounds }) {
    const violations: string[] = [];
    const figures = Object.entries(lanes).map(([lane, optionsOf]) => {
      const name = campaignName('depth');
      using queue = SharedQueue.create(name, {
        capacityBytes: 384 << 20,
        maxMessageBytes: 128,
        participants: 4,
      });
      queue.unlink();
      const seen = new Uint8Array(4e6);
      let sent = 0;
      let received = 0;
      const send = (): void => {
        if (!queue.trySend(shortMessage(sent), optionsOf(sent)))
          violations.push(`${lane}: no room for message ${sent}`);
        sent++;
      };
      const receive = (): void => {
        const message = queue.tryReceive();
        const number = message === undefined ? -1 : numberIn(message.bytes);
        if (number < 0 || number >= sent || seen[number] === 1)
          violations.push(`${lane}: ${number < 0 ? 'none or a torn one' : `message ${number} twice`}`);
        else seen[number] = 1;
        received++;
      };
      const heapBefore = process.memoryUsage().heapUsed;
      const measure = (depth: number): number => {
        while (sent - received < depth) send();
        const before = process.cpuUsage();
        for (let pair = 0; pair < rounds; pair++) {
          send();
          receive();
        }
        const { user, system } = process.cpuUsage(before);
        return ((user + system) * 1e3) / (2 * rounds);
      };
      measure(least); // the compiler settles
      const timesNs = depths.map(measure);
      if (queue.attributes().messages !== sent - received) violations.push(`${lane}: it counts otherwise`);
      const heapMiB = Math.max(0, (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20);
      while (received < sent) receive();
      const times = timesNs.map((ns) => ns.toFixed(0)).join(', ');
      return `${lane} ${times} ns of processor time an operation, heap +${heapMiB.toFixed(0)} MiB`;
    });
    return Promise.resolve({
      figure: `at ${depths.map((depth) => depth.toLocaleString('en')).join(', ')} messages queued: ${figures.join('; ')}`,
      violations,
    });
  },
};

const messageBytes = 64;
const blank = new Uint32Array(messageBytes / 4);
const blankBytes = new Uint8Array(blank.buffer);

/** The same memory each time. */
function shortMessage(number: number): Uint8Array {
  blank[0] = number;
  blank[messageBytes / 4 - 1] = ~number;
  return blankBytes;
}

/** The number of a message, or -1 when it is not whole. */
function numberIn(message: Uint8Array): number {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  if (message.length !== messageBytes) return -1;
  const number = view.getUint32(0, true);
  return view.getUint32(messageBytes - 4, true) === ~number >>> 0 ? number : -1;
}
