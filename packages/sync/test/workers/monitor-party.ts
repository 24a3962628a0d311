/** A party of a structure that a monitor guards: word 0 counts, word 1 is set while a change is half done, word 2 while a party blocks. */
import { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { serveCommands } from '@ipc/testkit/peer';

let words: Int32Array = new Int32Array(3);
let monitor: Monitor | undefined;
let looks = 0;
let seen: (() => void) | undefined;

function open(): Monitor {
  if (monitor === undefined) throw new Error('not open');
  return monitor;
}

serveCommands({
  open(name: string) {
    const region = Region.open(name, { kind: 'user' });
    words = region.words;
    monitor = Monitor.in(
      region,
      64,
      () => {
        looks++;
        seen?.();
      },
      { participants: 4 },
    );
    return monitor.identity;
  },
  /** Adds 1 so many times, by plain loads and stores. */
  count(rounds: number) {
    for (let round = 0; round < rounds; round++) {
      open().enter();
      words[0] = (words[0] ?? 0) + 1;
      open().leave();
    }
  },
  /** Announces, sleeps on the event loop, and answers at once. */
  sleep(wants: number, watched: readonly number[]) {
    open().enter();
    open().announce(wants);
    open().leave();
    open().sleep(watched);
  },
  /** Answers once it was made to look again, how often so far. */
  looked: () =>
    new Promise<number>((resolve) => {
      seen = () => {
        resolve(looks);
      };
      if (looks > 0) seen();
    }),
  looks: () => looks,
  withdraw() {
    open().withdraw();
  },
  /** Blocks until word 0 is not 0, or one who is watched is dead: whether it is 0. */
  block(wants: number, watched: readonly number[]) {
    for (;;) {
      open().enter();
      const empty = words[0] === 0;
      if (empty) open().announce(wants);
      open().leave();
      if (!empty || watched.some((identity) => !open().isAlive(identity))) {
        open().withdraw();
        return empty;
      }
      Atomics.store(words, 2, 1);
      open().block(watched, -1);
    }
  },
  /** Is killed in the middle of a change. */
  dieInside() {
    open().enter();
    words[1] = 1;
    process.kill(process.pid, 'SIGKILL');
  },
});
