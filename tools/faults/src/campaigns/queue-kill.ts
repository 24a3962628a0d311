import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { SharedQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { numbered, numberOf } from '../numbered.ts';
import { campaignName, endWorker, Workers } from '../worker.ts';

/** C2 of the queue: what `send` had returned for is received, in order, once and whole. */
export const queueProducerKill: Campaign = {
  name: 'queue-producer-kill',
  what: 'kill -9 of the sender of a shared-memory queue; messages of all sizes, with and without the guard',
  rounds: 1000,
  async run({ rounds, random }) {
    const name = campaignName('queue');
    const violations: string[] = [];
    let messages = 0;
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    using queue = SharedQueue.create(name, { capacityBytes: 256 << 10 });
    try {
      await using senders = new Workers('queue-sender', () => [name, name]);
      for (let round = 0; round < rounds; round++) {
        const sender = await senders.take();
        Atomics.store(region.words, 0, 0);
        const exited = once(sender, 'exit');
        sender.send('go');
        const over = setTimeout(1 + random() * 20)
          .then(() => sender.kill('SIGKILL'))
          .then(() => exited);
        let received = 0;
        for (;;) {
          const wasOver = sender.signalCode !== null;
          const count = queue.drain(({ bytes }) => {
            const number = numberOf(bytes);
            if (number !== received)
              violations.push(
                `round ${round}: message ${received} expected, ${number < 0 ? 'a torn one' : number} came`,
              );
            received++;
          }, 1000);
          if (count === 0 && wasOver) break;
          await setTimeout(0);
        }
        await over;
        const sent = Atomics.load(region.words, 0);
        if (received < sent || received > sent + 1)
          violations.push(`round ${round}: ${sent} were sent, ${received} arrived`);
        messages += received;
      }
      const left = queue.attributes().messages;
      if (left > 0) violations.push(`${left} messages are left`);
    } finally {
      queue.unlink();
    }
    return {
      figure: `${rounds} kills, ${messages} messages, none lost, torn, doubled or out of order`,
      violations,
    };
  },
};

/** Leases: workers die at any moment; every job is done at least once, and those done twice were given again. */
export const queueWorkerKill: Campaign = {
  name: 'queue-worker-kill',
  what: 'kill -9 of workers that have jobs of a shared-memory queue under lease',
  rounds: 1000,
  async run({ rounds, random }) {
    const [jobsName, resultsName] = [campaignName('jobs'), campaignName('results')];
    const violations: string[] = [];
    const size = { capacityBytes: 1 << 20, maxAttempts: 0 };
    using jobs = SharedQueue.create(jobsName, size);
    using results = SharedQueue.create(resultsName, size);
    const done: number[] = [];
    let sent = 0;
    const collect = (): void => {
      results.drain(({ bytes }) => {
        const number = numberOf(bytes);
        if (number < 0) violations.push('a torn result');
        else done[number] = (done[number] ?? 0) + 1;
      });
    };
    try {
      await using workers = new Workers('queue-worker', () => [jobsName, resultsName]);
      for (let round = 0; round < rounds; round++) {
        const worker = await workers.take();
        worker.send('go');
        const endMs = performance.now() + 1 + random() * 20;
        while (performance.now() < endMs) {
          for (let more = 0; more < 100 && jobs.trySend(numbered(sent), { priority: sent % 2 }); more++)
            sent++;
          collect();
          await setTimeout(0);
        }
        await endWorker(worker);
      }
      const last = await workers.take();
      last.send('go');
      while (jobs.attributes().messages > 0) {
        collect();
        await setTimeout(1);
      }
      await endWorker(last);
      collect();
      const { redelivered, deadLetters } = jobs.attributes();
      const missing = sent - Object.keys(done).length;
      const doubled = done.reduce((sum, times) => sum + times - 1, 0);
      if (missing > 0) violations.push(`${missing} jobs were not done`);
      if (doubled > redelivered)
        violations.push(`${doubled} done again, but only ${redelivered} given again`);
      if (deadLetters > 0) violations.push(`${deadLetters} dead letters`);
      return {
        figure: `${rounds} kills, ${sent} jobs: each done, ${doubled} twice, ${redelivered} given again`,
        violations,
      };
    } finally {
      jobs.unlink();
      results.unlink();
    }
  },
};
