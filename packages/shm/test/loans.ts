/** What the tests of loans have in common. */
import type { Loan, LoanPublisher, LoanReceiver } from '@ipc/shm';

export const worker: URL = new URL('../dist-test/workers/loan-peer.js', import.meta.url);
export const options = { chunks: 4, chunkBytes: 100, lifetime: 'while-open' } as const;

export function publish(publisher: LoanPublisher, text: string): void {
  using loan = publisher.tryLoan() as Loan;
  loan.bytes.set(new TextEncoder().encode(text));
  loan.publish(text.length);
}

export function receive(receiver: LoanReceiver): string | undefined {
  using borrowed = receiver.tryBorrow();
  return borrowed && Buffer.from(borrowed.bytes).toString();
}

/** How many chunks a publisher can have now; gives them back. */
export function free(publisher: LoanPublisher): number {
  const loans: Loan[] = [];
  for (let loan = publisher.tryLoan(); loan !== undefined; loan = publisher.tryLoan()) loans.push(loan);
  for (const loan of loans) loan[Symbol.dispose]();
  return loans.length;
}
