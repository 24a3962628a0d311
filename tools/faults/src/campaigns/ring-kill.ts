import { isIpcError } from '@ipc/core';
import { Region, ring } from '@ipc/shm';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { times, type Campaign } from '../campaign.ts';
import { numberOf } from '../numbered.ts';
import { campaignName, startWorker } from '../worker.ts';

/** For ever, as good as: whoever waits longer waits in vain. */
const patienceMs = 30_000;

/** C2: the sender is killed; everything it had flushed arrives whole and in order, and then the end is told. */
export const ringProducerKill: Campaign = {
  name: 'ring-producer-kill',
  what: 'kill -9 of the sender of a ring at a random moment; the receiver drains',
  rounds: 300,
  async run({ rounds, random }) {
    const name = campaignName('producer');
    const violations: string[] = [];
    const notices: number[] = [];
    let messages = 0;
    using region = Region.create(name, { kind: 'faults', bytes: 64, lifetime: 'while-open' });
    await using listener = await ring({ capacityBytes: 1 << 16 }).listen(name);
    for (let round = 0; round < rounds; round++) {
      Atomics.store(region.words, 0, 0);
      const accepted = listener.accept();
      const worker = await startWorker('ring-sender', name, name);
      await using channel = await accepted;
      const exited = once(worker, 'exit');
      worker.send('go');
      let received = 0;
      let killedAt = Infinity;
      const killer = setTimeout(1 + random() * 20).then(() => {
        killedAt = performance.now();
        worker.kill('SIGKILL');
      });
      try {
        for (;;) {
          const message = await channel.receive({ signal: AbortSignal.timeout(patienceMs) });
          if (message === undefined) {
            violations.push(`round ${round}: a killed sender looks like one that has closed`);
            break;
          }
          const number = numberOf(message);
          if (number !== received) {
            violations.push(
              `round ${round}: message ${received} expected, ${number < 0 ? 'a torn one' : number} came`,
            );
            break;
          }
          received++;
        }
      } catch (error) {
        if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) violations.push(`round ${round}: ${String(error)}`);
      }
      notices.push(performance.now() - killedAt);
      await killer;
      await exited;
      const flushed = Atomics.load(region.words, 0);
      if (received < flushed) violations.push(`round ${round}: ${flushed} were flushed, ${received} arrived`);
      messages += received;
    }
    return {
      figure: `${rounds} kills, ${messages} messages, none lost, torn, doubled or out of order; from kill to notice ${times(notices)}`,
      violations,
    };
  },
};

/** C3: the receiver is killed while the sender waits for room; the sender is told. */
export const ringConsumerKill: Campaign = {
  name: 'ring-consumer-kill',
  what: 'kill -9 of the receiver of a ring while the sender waits for room',
  rounds: 300,
  async run({ rounds }) {
    const name = campaignName('consumer');
    const violations: string[] = [];
    const notices: number[] = [];
    await using listener = await ring({ capacityBytes: 4096 }).listen(name);
    for (let round = 0; round < rounds; round++) {
      const accepted = listener.accept();
      const worker = await startWorker('ring-receiver', name);
      await using channel = await accepted;
      const exited = once(worker, 'exit');
      while (channel.trySend(new Uint8Array(500)));
      const blocked = channel.send(new Uint8Array(500), { signal: AbortSignal.timeout(patienceMs) });
      await setTimeout(1);
      const killedAt = performance.now();
      worker.kill('SIGKILL');
      const outcome = await blocked.then(
        () => 'sent to nobody',
        (error: unknown) => (isIpcError(error, 'ERR_IPC_PEER_GONE') ? undefined : String(error)),
      );
      notices.push(performance.now() - killedAt);
      if (outcome !== undefined) violations.push(`round ${round}: ${outcome}`);
      await exited;
    }
    return { figure: `${rounds} kills; from kill to ERR_IPC_PEER_GONE ${times(notices)}`, violations };
  },
};
