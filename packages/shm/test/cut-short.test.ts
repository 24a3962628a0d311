import { truncateSync } from 'node:fs';
import { Region } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/waiter.js', import.meta.url);

/** By structure: the region's kind, and the word that says that somebody sleeps. */
const sleepers = {
  'queue send': ['mpmc', 96],
  'queue sendSync': ['mpmc', 96],
  'queue receive': ['mpmc', 64],
  'broadcast receiveSync': ['broadcast', 64],
  'broadcast ready': ['broadcast', 64],
  'mpsc send': ['mpsc', 96],
  'mpsc receiveSync': ['mpsc', 64],
  'loans loan': ['pool', 128],
  'loans borrow': ['pool', 96],
  'loans ready': ['pool', 96],
  'loans borrowSync': ['pool', 96],
  'latest next': ['latest', 33],
  'latest waitSync': ['latest', 32],
} as const;

/** Cuts a region short as soon as somebody sleeps on it. */
async function cut(name: string, kind: string, word: number): Promise<void> {
  while (!Region.list().some((info) => info.name === name)) await pause();
  using region = Region.open(name, { kind });
  while ((Atomics.load(region.words, word) & 1) === 0) await pause();
  truncateSync(region.path as string, 0);
}

/** Between two looks: all the others want to get on meanwhile. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

test(
  'who sleeps on a region that is cut short is told, on the event loop and blocked',
  { timeout: 60_000 },
  async () => {
    await using onLoop = await spawnPeer(worker);
    const told = Object.entries(sleepers).map(async ([way, [kind, word]]) => {
      const name = uniqueName('cut');
      onTestFinished(() => void Region.unlink(name, kind));
      const isBlocked = way.endsWith('Sync');
      const peer = isBlocked ? await spawnPeer(worker) : onLoop;
      try {
        const waited = peer.call('wait', way, name).then(
          () => 'it got something',
          (error: unknown) => (error as NodeJS.ErrnoException).code,
        );
        await Promise.race([cut(name, kind, word), waited]);
        return [way, await waited];
      } finally {
        if (isBlocked) await peer.kill();
      }
    });
    expect(Object.fromEntries(await Promise.all(told))).toEqual(
      Object.fromEntries(Object.keys(sleepers).map((way) => [way, 'ERR_IPC_CORRUPT'])),
    );
  },
);
