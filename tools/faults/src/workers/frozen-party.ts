/** Takes part in one of everything, and is in the way of whoever waits: `frozen-party <name>`. */
import { Consumer, LatestWriter, LoanReceiver, MpscSender, ring, Subscriber, type Borrowed } from '@ipc/shm';
import { numbered } from '../numbered.ts';

const [name = ''] = process.argv.slice(2);
const channel = await ring().connect(name);
const subscriber = Subscriber.open(name);
Consumer.open(name);
LatestWriter.open(name, { maxBytes: 8, lifetime: 'while-open' });
const loans = LoanReceiver.open(name);
const sender = MpscSender.open(name, { capacityBytes: 4096 });
const message = numbered(7);
const claim = sender.tryClaim(message.length);
claim?.ring.set(message, claim.offset);
let borrowed: Borrowed | undefined;

process.on('message', (what) => {
  if (what === 'borrow') {
    borrowed = loans.borrowSync();
    process.send?.('borrowed');
    return;
  }
  claim?.commit();
  borrowed?.release();
  let received = 0;
  subscriber.drain(() => received++);
  channel.drain(() => undefined);
  process.send?.(received);
});
process.send?.('ready');
