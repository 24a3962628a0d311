/** Waits for everything there is to wait for on an event loop, and reads a file meanwhile; prints what came first. */
import { readFile } from 'node:fs/promises';
import {
  Consumer,
  LatestReader,
  LatestWriter,
  LoanPublisher,
  LoanReceiver,
  MpscReceiver,
  MpscSender,
  Producer,
  Publisher,
  ring,
  Subscriber,
} from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const lifetime = 'while-open';
const full = { slots: 2, maxMessageBytes: 8, lifetime } as const;
const message = new Uint8Array(8);

const listener = await ring({ capacityBytes: 4096 }).listen(name);
const client = await ring({ spinUs: 0 }).connect(name);
await listener.accept();
const publisher = Publisher.open(name, { ...full, overflow: 'wait' });
const slow = Subscriber.open(name);
while (publisher.trySend(message));
const producer = Producer.open(name, full);
while (producer.trySend(message));
MpscSender.open(name, { capacityBytes: 4096, lifetime });
LatestWriter.open(name, { maxBytes: 8, lifetime });
const lender = LoanPublisher.open(name, { chunkBytes: 8, chunks: 2, lifetime });
const loans = [lender.tryLoan(), lender.tryLoan()];
const idle = Consumer.open(`${name}-idle`, full);

const waiting = [
  listener.accept(),
  client.receive(),
  publisher.send(message),
  producer.send(message),
  idle.receive(),
  MpscReceiver.open(name).receive(),
  LatestReader.open(name).next(),
  lender.loan(),
  LoanReceiver.open(name).borrow(),
];
await new Promise((resolve) => setImmediate(resolve)); // all sleep
const first = await Promise.race([
  ...waiting.map((wait) => wait.then(() => 'a wait')),
  readFile('/proc/self/stat').then(() => 'the file'),
]);
console.log(JSON.stringify({ waiting: waiting.length, first, held: [slow, loans].length }));
await listener.close();
process.exit();
