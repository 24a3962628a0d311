/** Changes whatever structure is used just now, until it is killed: `scribbler <name> <seed> <structure…>`. */
import { isIpcError } from '@ipc/core';
import { Region } from '@ipc/shm';
import { randomOf } from '../campaign.ts';
import { CHANGES, interesting, ROUND } from '../hostile-control.ts';
import { targets, type Target } from '../hostile.ts';

const [name = '', seed = '', ...choice] = process.argv.slice(2);
const control = Region.open(name, { kind: 'faults' });
const random = randomOf(Number(seed));
const below = (limit: number): number => Math.floor(random() * limit);
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Flips a bit for good, or writes something else to a word and back, as fast as it goes: who reads it twice sees both. */
function change(words: Int32Array): void {
  // Most of the decisions hang on the first words; the header's are read once, at opening.
  const reach = random() < 0.75 ? Math.min(words.length, 300) : words.length;
  const at = random() < 0.05 ? below(32) : 32 + below(reach - 32);
  const isToAndFro = random() < 0.5;
  const difference = isToAndFro ? Atomics.load(words, at) ^ interesting(random) : 1 << below(32);
  const times = isToAndFro ? 2 * (1 + below(2000)) : 1;
  for (let time = 0; time < times; time++) Atomics.xor(words, at, difference);
  Atomics.add(control.words, CHANGES, 1);
}

process.once('disconnect', () => process.exit());
process.send?.('ready');
for (;;) {
  const round = Atomics.load(control.words, ROUND);
  const { kind } = targets.find((target) => target.name === choice[round % choice.length]) as Target;
  try {
    using region = Region.open(`${name}-${kind}`, { kind });
    const words = new Int32Array(region.buffer, 0, region.buffer.byteLength >>> 2);
    while (!region.unlinked) {
      change(words);
      if (random() < 0.5) await pause();
    }
  } catch (error) {
    if (!isIpcError(error)) throw error; // not there yet, or its header is damaged already
    await pause();
  }
}
