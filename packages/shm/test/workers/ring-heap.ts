/**
 * How much the JavaScript heap grows while messages pass through a ring in place: a million, or as many as the argument says.
 *
 *     node --min-semi-space-size=256 --max-semi-space-size=256 dist-test/workers/ring-heap.js 10000000
 */
import { RingMemory, ringBytes, RingReader, RingWriter } from '@ipc/shm';

const [, , wanted = '1000000'] = process.argv;
const memory = new RingMemory(new ArrayBuffer(ringBytes(1 << 16)), 0, 1 << 16);
const writer = new RingWriter(memory);
const reader = new RingReader(memory);
let messages = 0;
const count = (): void => {
  messages++;
};

function pass(least: number): void {
  for (const end = messages + least; messages < end;) {
    for (let claim = writer.tryClaim(64); claim !== undefined; claim = writer.tryClaim(64)) {
      claim.ring[claim.offset] = 1;
      claim.commit();
    }
    reader.drain(count);
  }
}

pass(1_000_000); // compiles
const [before, passed] = [process.memoryUsage().heapUsed, messages];
pass(Number(wanted));
console.log(
  JSON.stringify({ messages: messages - passed, heapBytes: process.memoryUsage().heapUsed - before }),
);
