import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/scribble.js', import.meta.url);
const ms = Number(process.env.SCRIBBLE_MS ?? 1000);
const seed = Number(process.env.SCRIBBLE_SEED ?? Date.now() | 0);

test.each(['lap', 'wait', 'queue', 'latest', 'ring'])(
  `%s: somebody flips random bits (SCRIBBLE_SEED=${seed}): errors, wrong payloads or delays; no crash, no endless loop`,
  { timeout: ms + 20_000 },
  async (structure) => {
    const name = uniqueName('scribble');
    await using victim = await spawnPeer(worker);
    await using scribbler = await spawnPeer(worker);
    const used = victim.call('use', structure, name, ms);
    const flipped = scribbler.call('scribble', structure, name, ms, seed);
    const { count, damaged } = (await used) as { count: number; damaged: number };
    expect(await flipped).toBeGreaterThan(0);
    expect(count + damaged).toBeGreaterThan(0); // the first flip may hit before the first message
    if (process.env.SCRIBBLE_MS !== undefined)
      console.log({ structure, count, damaged, flipped: await flipped });
  },
);
