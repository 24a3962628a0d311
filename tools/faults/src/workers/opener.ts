/** Opens or creates a region of its own for each round, when the round's number appears. Words: 0 round, then for each round creators and attached. */
import { Region } from '@ipc/shm';

const [name = '', rounds = '0'] = process.argv.slice(2);
const { words } = Region.open(name, { kind: 'faults' });
process.once('message', () => {
  const opened: Region[] = [];
  for (let round = 1; round <= Number(rounds); round++) {
    while (Atomics.load(words, 0) < round) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.05);
    const region = Region.openOrCreate(`${name}-${round}`, {
      kind: 'faults',
      bytes: 64,
      initialise: (made) => made.words.fill(round),
    });
    opened.push(region);
    if (region.created) Atomics.add(words, 2 * round, 1);
    if (region.words.every((word) => word === round)) Atomics.add(words, 2 * round + 1, 1);
    else Atomics.add(words, 1, 1);
  }
  process.exit(0);
});
process.send?.('ready');
