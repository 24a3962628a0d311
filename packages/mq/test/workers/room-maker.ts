/** Receives from a queue; in the end dies when it has made room there for one who sleeps, before it rings. */
import { SharedQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

const [name = ''] = process.argv.slice(2);
const queue = SharedQueue.open(name);
const { words } = Region.open(name, { kind: 'queue', version: 5 });
/** Not 0 while somebody sleeps for room (docs/wire-formats/queue.md). */
const roomWanted = 28;
/** Kinds of a slot: the bits, and that of a published one. */
const [kindBits, published] = [0x700, 0x200];

/** As soon as somebody sleeps. */
function dieMakingRoom(): void {
  if (Atomics.load(words, roomWanted) === 0) {
    setTimeout(dieMakingRoom, 1);
    return;
  }
  const { compareExchange } = Atomics;
  Atomics.compareExchange = ((at: Int32Array, index: number, expected: number, value: number) => {
    const found = compareExchange(at, index, expected, value);
    if (found === expected && (expected & kindBits) === published) process.kill(process.pid, 'SIGKILL');
    return found;
  }) as typeof compareExchange;
  queue.tryReceive();
}

serveCommands({
  receive: () => queue.tryReceive()?.bytes[0],
  arm() {
    setTimeout(dieMakingRoom, 1);
  },
});
