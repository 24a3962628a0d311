/** How much the JavaScript heap grows while the numbers of a layout are written and read a million times. */
import { layout } from '@ipc/shm';

const quote = layout({ price: 'f64', quantity: 'u32', side: 'i8', weight: 'f32', count: 'u16' });
const records = 1000;
const accessors = quote.at(new DataView(new ArrayBuffer(records * quote.bytes)));

/** In memory of its own: V8 of Node 26 makes a new number of a local sum that is none of 31 bits, at each addition. */
const sums = new Float64Array(1);

function pass(times: number): number {
  sums[0] = 0;
  for (let n = 0; n < times; n++) {
    accessors.$offset = (n % records) * quote.bytes;
    accessors.quantity = n;
    accessors.side = n & 1;
    accessors.count = accessors.quantity & 0xff;
    accessors.price = n / 2;
    accessors.weight = accessors.price;
    sums[0] += accessors.count + accessors.side + accessors.weight;
  }
  return sums[0];
}

for (let n = 0; n < 20; n++) pass(100_000); // compiles
const before = process.memoryUsage().heapUsed;
const sum = pass(1_000_000);
const heapBytes = process.memoryUsage().heapUsed - before;
console.log(JSON.stringify({ records: 1_000_000, heapBytes, sum }));
