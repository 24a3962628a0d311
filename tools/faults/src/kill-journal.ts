import { Region } from '@ipc/shm';

/**
 * What the parties of a line have done in this round, word by word, so that it outlives them:
 *
 *    0            which round is to end, written by the campaign
 *    1, 2         what came out of order, and torn
 *    8 ...        of each sender, how many of its calls have returned
 *    16 ...       of each receiver, each sender, each number: how often it was received
 */
export class KillJournal {
  /** As many messages of one sender are told apart in a round. */
  static readonly limit = 8192;
  static readonly #parties = 4;
  static readonly #counts = 16;
  readonly #region: Region;
  readonly #words: Int32Array;

  constructor(name: string) {
    const bytes = 4 * (KillJournal.#counts + KillJournal.#parties ** 2 * KillJournal.limit);
    this.#region = Region.openOrCreate(name, { kind: 'faults', bytes, lifetime: 'while-open' });
    this.#words = this.#region.words;
  }

  close(): void {
    this.#region.close();
  }

  /** Nothing was done yet. */
  clear(): void {
    this.#words.fill(0);
  }

  end(round: number): void {
    Atomics.store(this.#words, 0, round);
  }

  hasEnded(round: number): boolean {
    return Atomics.load(this.#words, 0) === round;
  }

  noteDisorder(): void {
    Atomics.add(this.#words, 1, 1);
  }

  get disorder(): number {
    return Atomics.load(this.#words, 1);
  }

  noteTorn(): void {
    Atomics.add(this.#words, 2, 1);
  }

  get torn(): number {
    return Atomics.load(this.#words, 2);
  }

  noteSent(sender: number, count: number): void {
    Atomics.store(this.#words, 8 + sender, count);
  }

  /** How many messages of this sender were sent for certain: when it was killed, one more may have been. */
  sent(sender: number): number {
    return Atomics.load(this.#words, 8 + sender);
  }

  noteReceived(receiver: number, sender: number, number: number): void {
    Atomics.add(this.#words, this.#at(receiver, sender) + number, 1);
  }

  /** How often each of a sender's messages came to this receiver. */
  received(receiver: number, sender: number): Int32Array {
    const at = this.#at(receiver, sender);
    return this.#words.subarray(at, at + KillJournal.limit);
  }

  /** How many messages came to this receiver. */
  receivedBy(receiver: number): number {
    let all = 0;
    for (let sender = 0; receiver >= 0 && sender < KillJournal.#parties; sender++)
      for (const times of this.received(receiver, sender)) all += times;
    return all;
  }

  #at(receiver: number, sender: number): number {
    return KillJournal.#counts + (receiver * KillJournal.#parties + sender) * KillJournal.limit;
  }
}
