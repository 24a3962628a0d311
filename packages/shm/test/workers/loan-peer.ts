import { LoanPublisher, LoanReceiver, type Borrowed, type LoanOptions } from '@ipc/shm';
import { serveCommands } from '@ipc/testkit/peer';

let publisher: LoanPublisher | undefined;
let receiver: LoanReceiver | undefined;
const kept: unknown[] = [];

/** Publishes a chunk that is full of one byte. */
function publish(byte: number): boolean {
  const loan = publisher?.tryLoan();
  if (loan === undefined) return false;
  loan.bytes.fill(byte);
  loan.publish();
  return true;
}

function borrow(): Borrowed {
  const borrowed = receiver?.borrowSync();
  if (borrowed === undefined) throw new Error('not open');
  return borrowed;
}

serveCommands({
  openPublisher(name: string, options: LoanOptions) {
    publisher = LoanPublisher.open(name, options);
  },
  openReceiver(name: string) {
    receiver = LoanReceiver.open(name);
  },
  closePublisher() {
    publisher?.close();
  },
  publish,
  receive() {
    borrow().release();
  },
  /** Takes chunks and keeps them. */
  hold(count: number) {
    for (let i = 0; i < count; i++) kept.push(publisher?.tryLoan() ?? borrow());
  },
  /** Publishes numbers as the first word, in order, whenever there is room. */
  flood(from: number) {
    for (let n = from; ;) {
      const loan = publisher?.loanSync();
      if (loan === undefined) throw new Error('not open');
      new DataView(loan.bytes.buffer, loan.bytes.byteOffset).setUint32(0, n++, true);
      loan.publish(4);
    }
  },
  /** Receives so many numbers, and tells whether each followed the last. */
  count(from: number, messages: number) {
    for (let n = from; n < from + messages; n++) {
      using borrowed = borrow();
      const { bytes } = borrowed;
      const found = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true);
      if (found !== n) return `${n} was ${found}`;
    }
    return 'in order';
  },
  /** Receives until it is killed. */
  drain() {
    for (;;) borrow().release();
  },
});
