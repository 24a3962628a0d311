/** How much the JavaScript heap grows while a million messages pass through a ring in place. */
import { RingMemory, ringBytes, RingReader, RingWriter } from '@ipc/shm';

const memory = new RingMemory(new ArrayBuffer(ringBytes(1 << 16)), 0, 1 << 16);
const writer = new RingWriter(memory);
const reader = new RingReader(memory);
let messages = 0;
const count = (): void => {
  messages++;
};

function pass(rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    for (let claim = writer.tryClaim(64); claim !== undefined; claim = writer.tryClaim(64)) {
      claim.ring[claim.offset] = 1;
      claim.commit();
    }
    reader.drain(count);
  }
}

pass(1000); // compiles
const [before, passed] = [process.memoryUsage().heapUsed, messages];
pass(1200);
console.log(
  JSON.stringify({ messages: messages - passed, heapBytes: process.memoryUsage().heapUsed - before }),
);
