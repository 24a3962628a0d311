/** Counts under several locks at once, in every spelling, reads, waits for news, meets others: until it is killed. */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { isIpcError } from '@ipc/core';
import { Region } from '@ipc/shm';
import type { Held } from '@ipc/sync';
import { randomOf } from '../campaign.ts';
import {
  COUNTERS,
  enter,
  INSIDE,
  JOURNAL,
  journaled,
  LOCKS,
  openLocks,
  OPERATIONS,
  VIOLATIONS,
  type Exclusive,
} from '../lock-kill-locks.ts';

const [name = '', seed = '1'] = process.argv.slice(2);
const random = randomOf(Number(seed));
const region = Region.open(name, { kind: 'faults' });
const { words } = region;
const { barrier, condition, exclusive, news, readable } = openLocks(region);
process.on('disconnect', () => process.exit());
process.send?.('ready');
// Which process it is from now on, and which life of it.
const [{ me, life }] = (await once(process, 'message')) as [{ me: number; life: number }];

function inside(at: number, tells: boolean, abandoned: boolean): void {
  if (enter(words, at, life, tells, abandoned)) Atomics.add(words, VIOLATIONS, 1);
}

function leave(at: number): void {
  if (Atomics.exchange(words, INSIDE + at, 0) !== life) Atomics.add(words, VIOLATIONS, 1);
}

/** First the journal, then the counter: whoever comes after one that dies in between knows. */
function increment(at: number): void {
  const counter = words[COUNTERS + at] ?? 0;
  Atomics.add(words, JOURNAL + me * LOCKS + at, 1);
  for (let look = 0; look < 50; look++) Atomics.load(words, COUNTERS + at);
  words[COUNTERS + at] = (counter + 1) | 0;
}

/** Several at once, always in the same order, so that nobody waits in a circle. */
async function count(chance: number): Promise<void> {
  const taken: Taken[] = [];
  for (const [at, lock] of exclusive.entries()) if (random() < chance) taken.push(await take(at, lock));
  for (const { at } of taken) increment(at);
  if (random() < 0.8) await setTimeout(1);
  for (const { at, held } of taken.toReversed()) {
    if (at === 0) condition.notifyAll();
    leave(at);
    held.release();
  }
}

interface Taken {
  readonly at: number;
  readonly held: { release(): void };
}

async function take(at: number, lock: Exclusive): Promise<Taken> {
  const held = await lock.acquire(random() < 0.5);
  inside(at, lock.tells, held.abandoned === true);
  return { at, held };
}

/** What one reads is whole, unless its last writer died and nobody has written since. */
async function read(): Promise<void> {
  for (const [lock, at] of readable) {
    const held = random() < 0.5 ? lock.shared.acquireSync() : await lock.shared.acquire();
    if (!held.abandoned && words[COUNTERS + at] !== journaled(words, at)) Atomics.add(words, VIOLATIONS, 1);
    held.release();
  }
}

/** Until somebody else has counted: process 0 never waits here. */
async function listen(): Promise<void> {
  let held: Held = await news.acquire();
  inside(0, true, held.abandoned);
  const seen = words[COUNTERS];
  while (words[COUNTERS] === seen) {
    leave(0);
    held = random() < 0.5 ? condition.waitSync(news, held) : await condition.wait(news, held);
    inside(0, true, held.abandoned);
  }
  leave(0);
  held.release();
}

/** Two at a time; when one of them has died, the other is told, and begins anew. */
async function meet(): Promise<void> {
  try {
    await barrier.wait();
  } catch (error) {
    if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) throw error;
    barrier.reset();
  }
}

for (;;) {
  const choice = random();
  if (choice < 0.1) await read();
  else if (choice < 0.15 && me > 0) await listen();
  else if (choice < 0.2 && me > 0) await meet();
  else await count(choice < 0.8 ? 0.4 : 0.1);
  Atomics.add(words, OPERATIONS + me, 1);
}
