import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { PosixQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { numbered, numberOf } from '../numbered.ts';
import { campaignName, startWorker } from '../worker.ts';

/** Most of the numbered messages spill; each takes a region of its own. */
const [maxMessageBytes, spillBytes] = [128, 4096];

/** C2, C3 of messages that spill: killed between payload and reference, either way. */
export const spillKill: Campaign = {
  name: 'spill-kill',
  what: 'kill -9 of the sender, and of the receiver, of a POSIX queue whose long messages go by way of shared memory',
  rounds: 1000,
  async run({ rounds, random }) {
    const name = campaignName('spill');
    const violations: string[] = [];
    let messages = 0;
    let orphans = 0;
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    for (let round = 0; round < rounds; round++) {
      const role = round % 2 === 0 ? 'send' : 'receive';
      const queue = PosixQueue.create(name, { maxMessageBytes, spillBytes });
      const worker = await startWorker('spill-party', role, name, name, String(spillBytes));
      const exited = once(worker, 'exit');
      region.words.fill(0, 0, 2);
      worker.send('go');
      let [sent, received] = [0, 0];
      const check = (bytes: Uint8Array): void => {
        const number = numberOf(bytes);
        if (number !== received) violations.push(`round ${round}: ${number} came instead of ${received}`);
        received = number + 1;
      };
      const exchange = (): void => {
        if (role === 'send')
          queue.drain(({ bytes }) => {
            check(bytes);
          }, 100);
        else while (queue.trySend(numbered(sent))) sent++;
      };
      const endMs = performance.now() + 1 + random() * 20;
      while (performance.now() < endMs) {
        exchange();
        await setTimeout(0);
      }
      worker.kill('SIGKILL');
      await exited;
      const [done = 0, wrong] = region.words;
      if (wrong !== 0) violations.push(`round ${round}: a wrong message was received`);
      if (role === 'receive') received = Math.min(done, sent); // and one more, which may be gone with it
      const rest: number[] = [];
      queue.drain(({ bytes }) => rest.push(numberOf(bytes)));
      if (role === 'receive' && rest[0] === received + 1) received++;
      for (const number of rest)
        if (number !== received++) violations.push(`round ${round}: ${number} is left`);
      if (role === 'send' ? received < done || received > done + 1 : received < sent - 1)
        violations.push(`round ${round}: ${received} received, of ${role === 'send' ? done : sent}`);
      messages += received;
      queue.unlink();
      orphans += payloads();
      queue.close(); // the last handle of a queue without a name: what nobody received goes with it
      if (payloads() > 0) violations.push(`round ${round}: ${payloads()} payloads are left`);
    }
    return {
      figure: `${rounds} kills, ${messages} messages in order, whole, none lost but one each with a receiver; ${orphans} payloads of the dead removed`,
      violations,
    };
  },
};

function payloads(): number {
  return Region.list().filter(({ kind }) => kind === 'mq-spill').length;
}
