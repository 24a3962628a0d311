import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { isIpcError, runtimeDirectory } from '@ipc/core';
import { PosixQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { sweepRuntimeDirectory } from '@ipc/socket';
import { Barrier } from '@ipc/sync';
import type { Campaign } from '../campaign.ts';
import { openNamedObjects, type Opened } from '../named-objects.ts';
import { campaignName, endWorker, Workers } from '../worker.ts';

/** C7: what the killed leave behind is taken over by the next, and gone after the last; what lives stays. */
export const leftovers: Campaign = {
  name: 'leftovers',
  what: 'kill -9 of a process while it opens one of everything that has a name, or when it has',
  rounds: 1000,
  async run({ rounds, random }) {
    const prefix = campaignName('litter');
    const living = campaignName('living');
    const violations: string[] = [];
    const kept: Opened[] = [];
    await openNamedObjects(living, (object) => kept.push(object));
    const before = namesWith(living);
    let complete = 0;
    await using workers = new Workers('litterer', () => [prefix]);
    for (let round = 0; round < rounds; round++) {
      const worker = await workers.take();
      const answered = once(worker, 'message').then(([outcome]) => {
        if (outcome === 'open') complete++;
        else violations.push(`round ${round}: the next one could not open: ${String(outcome)}`);
      });
      worker.send('go');
      if (round % 2 === 0) await answered;
      else await setTimeout(random() * 40);
      await endWorker(worker);
    }
    const left = namesWith(prefix).length;

    const last: Opened[] = [];
    try {
      await openNamedObjects(prefix, (object) => last.push(object));
    } catch (error) {
      violations.push(`the last one could not open: ${String(error)}`);
    }
    // A barrier that somebody died at is kept, broken, until it is mended.
    for (const object of last) if (object instanceof Barrier && object.isBroken) object.reset();
    await closeAll(last);
    Region.reclaim();
    sweepRuntimeDirectory();
    for (const name of namesWith(prefix)) violations.push(`${name} is left`);
    const now = namesWith(living);
    for (const name of before)
      if (!now.includes(name)) violations.push(`${name} of a living process was removed`);
    await closeAll(kept);
    return {
      figure: `${rounds} kills, ${complete} of them when all was open; ${left} names left by the last, 0 after the next; ${before.length} of a living process stayed`,
      violations,
    };
  },
};

async function closeAll(objects: readonly Opened[]): Promise<void> {
  for (const object of objects.toReversed()) {
    if (Symbol.dispose in object) object[Symbol.dispose]();
    else await object[Symbol.asyncDispose]();
  }
}

function queueNames(): string[] {
  try {
    return PosixQueue.list().map(({ name }) => name);
  } catch (error) {
    if (isIpcError(error, 'ERR_IPC_UNSUPPORTED')) return []; // their file system is not mounted
    throw error;
  }
}

/** Names in every place where names are. */
function namesWith(prefix: string): string[] {
  const files = [runtimeDirectory(), '/dev/shm'].flatMap((folder) => readdirSync(folder));
  return [...files, ...queueNames()].filter((name) => name.includes(prefix));
}
