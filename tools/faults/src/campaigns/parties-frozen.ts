import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { isIpcError } from '@ipc/core';
import { LatestWriter, LoanPublisher, MpscReceiver, Producer, Publisher, Region, ring } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { numbered, numberOf } from '../numbered.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const ends = { lifetime: 'while-open' } as const;
const shape = { slots: 4, maxMessageBytes: 1024, ...ends } as const;
const pool = { chunks: 2, chunkBytes: 64, ...ends } as const;
const capacity = { capacityBytes: 4096 };
const lookEveryMs = 20;

/** C9: who is stopped while it is in the way is not dead, and goes on where it was. */
export const partiesFrozen: Campaign = frozen('parties-frozen', 300, 50);

/** The same, for longer than anybody should need to find out. */
export const partiesFrozenLong: Campaign = frozen('parties-frozen-long', 60_000, 1);

function frozen(campaign: string, frozenMs: number, usualRounds: number): Campaign {
  return {
    name: campaign,
    what: `SIGSTOP for ${frozenMs} ms of a process that others wait for: as subscriber, with a claim, a loan, the writer's place, at a ring`,
    rounds: usualRounds,
    async run({ rounds }) {
      const violations: string[] = [];
      let looks = 0;
      for (let round = 0; round < rounds; round++) {
        const wrong = await freeze(frozenMs, () => looks++).catch((error: unknown) => [String(error)]);
        for (const what of wrong) violations.push(`round ${round}: ${what}`);
      }
      return {
        figure: `${rounds} freezes, ${looks} looks at each structure meanwhile: 0 false verdicts`,
        violations,
      };
    },
  };
}

/** What went wrong, each once. */
async function freeze(frozenMs: number, onLook: () => void): Promise<ReadonlySet<string>> {
  const name = campaignName('frozen');
  const wrong = new Set<string>();
  const expect = (isRight: boolean, what: string): void => {
    if (!isRight) wrong.add(what);
  };
  await using listener = await ring(capacity).listen(name);
  await using publisher = Publisher.open(name, { ...shape, overflow: 'wait' });
  await using producer = Producer.open(name, shape);
  await using receiver = MpscReceiver.open(name, { ...capacity, ...ends });
  using loans = LoanPublisher.open(name, pool);
  const accepted = listener.accept();
  const worker = await startWorker('frozen-party', name);
  try {
    await using channel = await accepted;
    loans.tryLoan()?.publish(1);
    await told(worker, 'borrow');
    worker.kill('SIGSTOP');
    const until = performance.now() + frozenMs;
    let sent = 0;
    while (publisher.trySend(numbered(sent))) sent++;
    while (producer.trySend(numbered(0)));
    while (channel.trySend(numbered(0)));
    loans.tryLoan()?.publish(1); // the other chunk
    do {
      onLook();
      expect(publisher.subscribers === 1, 'a frozen subscriber was buried');
      expect(!publisher.trySend(numbered(sent)), 'a frozen subscriber was passed over');
      expect(producer.consumers === 1, 'a frozen consumer was buried');
      expect(
        receiver.tryReceive() === undefined && receiver.repaired === 0,
        'a claim was taken from a frozen sender',
      );
      expect(
        loans.receivers === 1 && loans.tryLoan() === undefined,
        'a loan was taken from a frozen receiver',
      );
      expect(isTaken(name), 'a frozen writer was replaced');
      expect(!channel.trySend(numbered(0)), 'the ring of a frozen receiver has room'); // throws at its end
      await setTimeout(lookEveryMs);
    } while (performance.now() < until);
    worker.kill('SIGCONT');
    expect((await told(worker, 'go on')) === sent, 'a frozen subscriber lost messages');
    expect(
      numberOf((await receiver.receive()) ?? numbered(-1)) === 7,
      'what a frozen sender had claimed is lost',
    );
    await channel.send(numbered(0)); // there is room again
    expect(loans.tryLoan() !== undefined, 'what a frozen receiver had borrowed never came back');
  } finally {
    await endWorker(worker);
    Region.unlink(name, 'latest');
  }
  return wrong;
}

/** Tells the worker to do something, and waits until it says that it has. */
async function told(worker: Awaited<ReturnType<typeof startWorker>>, what: string): Promise<unknown> {
  const answered = once(worker, 'message');
  worker.send(what);
  return ((await answered) as unknown[])[0];
}

/** Whether the latest value has a writer. */
function isTaken(name: string): boolean {
  try {
    LatestWriter.open(name, { maxBytes: 8 }).close();
    return false;
  } catch (error) {
    return isIpcError(error, 'ERR_IPC_EXISTS');
  }
}
