/**
 * Uses structures whose memory was damaged before, or is meanwhile; a word of the region says in which round it is, so that a hang
 * is seen: `hostile <name> <seed> <first round> <last> <before|meanwhile> <structure…>`.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isIpcError } from '@ipc/core';
import { Region } from '@ipc/shm';
import { randomOf } from '../campaign.ts';
import { interesting, ROUND, USES } from '../hostile-control.ts';
import { targets, type Target } from '../hostile.ts';

/** How long a structure is used that is being damaged. */
const useMs = 50;
const [name = '', seed = '', first = '', last = '', when = '', ...choice] = process.argv.slice(2);
const { words } = Region.open(name, { kind: 'faults' });

function damaged(whole: Uint8Array, random: () => number): Uint8Array {
  const bytes = Uint8Array.from(whole);
  const below = (limit: number): number => Math.floor(random() * limit);
  // Most of the decisions hang on the first bytes: of the header, and of the payload behind it.
  const reach = random() < 0.5 ? Math.min(bytes.length, 512) : bytes.length;
  if (random() < 0.02) return bytes.fill(below(256), 128);
  for (let left = 1 + below(8); left > 0; left--) {
    const at = below(reach);
    if (random() < 0.5) bytes[at] = below(256);
    else new DataView(bytes.buffer).setInt32(Math.min(at & ~3, bytes.length - 4), interesting(random), true);
  }
  return bytes;
}

/** What is in /dev/shm after somebody has made one. */
async function template(target: Target): Promise<{ path: string; whole: Uint8Array }> {
  const own = `${name}-${target.kind}`;
  const end = target.make(own);
  const path = `/dev/shm/ipc-${own}.${target.kind}`;
  const whole = readFileSync(path);
  await end.close();
  return { path, whole };
}

/** An error, or the two of which one came while the object was being closed because of the other. */
function causes(error: unknown): unknown[] {
  const { error: second, suppressed: first } = error as { error?: unknown; suppressed?: unknown };
  return first === undefined ? [error] : [first, second].flatMap(causes);
}

async function use(target: Target, round: number): Promise<void> {
  const { path, whole } = await template(target);
  const until = performance.now() + (when === 'meanwhile' ? useMs : 0);
  if (when === 'before') {
    const file = openSync(path, 'w', 0o600);
    writeSync(file, damaged(whole, randomOf(Number(seed) + round)));
    closeSync(file);
  }
  await target.use(`${name}-${target.kind}`, () => {
    Atomics.add(words, USES, 1);
    return performance.now() < until;
  });
}

process.send?.('ready');
let refused = 0;
for (let round = Number(first); round < Number(last) && process.connected; round++) {
  Atomics.store(words, ROUND, round);
  const target = targets.find((each) => each.name === choice[round % choice.length]) as Target;
  try {
    await use(target, round);
  } catch (error) {
    const wrong = causes(error).find((each) => !isIpcError(each));
    if (wrong !== undefined) process.send?.(`${target.name}, round ${round}: ${(wrong as Error).stack}`);
    refused++;
  }
  Region.unlink(`${name}-${target.kind}`, target.kind);
  await new Promise(setImmediate); // lets the collector give mappings back
}
Atomics.store(words, ROUND, Number(last));
process.send?.({ refused });
process.disconnect();
