/**
 * Small changes of the source, each of which breaks it. The checker must find every one: they are the test of the checker.
 *
 * When a file has changed so that an edit does not fit any more, loading it says so: adapt the edit.
 */
import { lockMutants } from './lock-mutants.ts';
import { memoryMutants } from './memory-mutants.ts';
import { mqMutants } from './mq-mutants.ts';
import type { Mutant } from './mutant.ts';
import type { Spelling } from './scenarios/ends.ts';
import { mutex } from './scenarios/mutex.ts';
import { permitCount } from './scenarios/permit-count.ts';
import { ring, type RingStyle } from './scenarios/ring.ts';
import { semaphore } from './scenarios/semaphore.ts';
import { slotMutants } from './slot-mutants.ts';

function ringMutant(
  name: string,
  end: 'reader' | 'writer',
  from: string,
  to: string,
  style: RingStyle = 'one by one',
): Mutant {
  const edits = [{ file: `packages/shm/src/ring-${end}.ts`, from, to }];
  return { name: `ring: ${name}`, edits, scenario: ring(style, 0, edits) };
}

function mutexMutant(
  name: string,
  file: string,
  from: string,
  to: string,
  spelling: Spelling = 'sync',
  deaths = 1,
): Mutant {
  const edits = [{ file: `packages/sync/src/${file}.ts`, from, to }];
  return {
    name: `mutex: ${name}`,
    edits,
    scenario: mutex({ spellings: [spelling, 'sync'], rounds: 1, deaths }, edits),
  };
}

function semaphoreMutant(name: string, file: string, from: string, to: string, deaths = 0): Mutant {
  const edits = [{ file: `packages/sync/src/${file}.ts`, from, to }];
  const party = { spelling: 'sync', wants: 1, rounds: 1 } as const;
  const shape = { permits: 1, parties: [party, party], deaths };
  return { name: `semaphore: ${name}`, edits, scenario: semaphore(shape, edits) };
}

function permitMutant(name: string, from: string, to: string): Mutant {
  const edits = [{ file: 'packages/sync/src/permit-count.ts', from, to }];
  const parties = [[1, 1, 1], [1], [1]];
  return {
    name: `permits: ${name}`,
    edits,
    scenario: permitCount({ permits: 1, parties, deaths: 0 }, edits),
  };
}

export function mutants(): readonly Mutant[] {
  return [
    ringMutant(
      'the payload is written after it is published',
      'writer',
      `    setBytes(this.#bytes, message, at + headerBytes);
    this.#head = (this.#head + record) | 0;
    this.#contiguous -= record;
    return true;`,
      `    this.#head = (this.#head + record) | 0;
    this.#contiguous -= record;
    this.publish();
    setBytes(this.#bytes, message, at + headerBytes);
    return true;`,
    ),
    ringMutant(
      'head is stored without waking the reader',
      'writer',
      'if (Atomics.load(this.#control, READER_SLEEPS) !== 0) this.#wake();',
      '',
    ),
    ringMutant(
      'the reader is woken before head is stored',
      'writer',
      `    Atomics.store(this.#control, HEAD, this.#head);
    if (Atomics.load(this.#control, READER_SLEEPS) !== 0) this.#wake();`,
      `    if (Atomics.load(this.#control, READER_SLEEPS) !== 0) this.#wake();
    Atomics.store(this.#control, HEAD, this.#head);`,
    ),
    ringMutant(
      'the writer sleeps without looking again',
      'writer',
      'if (this.#room() < this.#needed && !this.isAbandoned) return true;',
      'if (!this.isAbandoned) return true;',
    ),
    ringMutant(
      'the writer looks for room before it asks for a wake-up',
      'writer',
      `    Atomics.store(this.#control, WRITER_WAITS, this.#needed);
    if (this.#room() < this.#needed && !this.isAbandoned) return true;`,
      `    const room = this.#room();
    Atomics.store(this.#control, WRITER_WAITS, this.#needed);
    if (room < this.#needed && !this.isAbandoned) return true;`,
    ),
    ringMutant(
      'a record is written over one that is not read',
      'writer',
      'return record <= room ||',
      'return record <= room + 32 ||',
    ),
    ringMutant('padding is not taken off the room', 'writer', '      room -= toEnd;\n', ''),
    ringMutant(
      'a refused batch keeps its padding to itself',
      'writer',
      'this.publish(); // a reader that sees everything, padding too, can make all the room there is',
      '',
    ),
    ringMutant(
      'the reader sleeps without looking again',
      'reader',
      'if (!this.hasMessage() && !this.isEnded) return true;',
      'return true;',
    ),
    ringMutant(
      'the reader sleeps without looking for the end',
      'reader',
      'if (!this.hasMessage() && !this.isEnded) return true;',
      'if (!this.hasMessage()) return true;',
      'half-closed',
    ),
    ringMutant(
      'the reader sees the end and not what came before it',
      'reader',
      ' === ENDED && !this.hasMessage();',
      ' === ENDED;',
      'half-closed',
    ),
    ringMutant(
      'the end is told before the last message is published',
      'writer',
      `    this.publish();
    Atomics.store(this.#control, WRITER_CLOSED, ENDED);`,
      `    Atomics.store(this.#control, WRITER_CLOSED, ENDED);
    this.publish();`,
      'half-closed',
    ),
    ringMutant(
      'the end is told without waking the reader',
      'writer',
      `WRITER_CLOSED, ENDED);
    this.#wake();`,
      `WRITER_CLOSED, ENDED);`,
      'half-closed',
    ),
    ringMutant(
      'the reader looks before it says that it sleeps',
      'reader',
      `    Atomics.store(this.#control, READER_SLEEPS, 1);
    if (!this.hasMessage() && !this.isEnded) return true;`,
      `    const found = this.hasMessage();
    Atomics.store(this.#control, READER_SLEEPS, 1);
    if (!found) return true;`,
    ),
    ringMutant(
      'room is given back before the message is copied',
      'reader',
      `    const message = ownedCopy(this.#memory, at, this.#length);
    this.#consumed();`,
      `    this.#consumed();
    const message = ownedCopy(this.#memory, at, this.#length);`,
    ),
    ringMutant(
      'room is given back without waking the writer',
      'reader',
      '    const needed = Atomics.load(this.#control, WRITER_WAITS);',
      '    const needed = 0 as number;',
    ),
    ringMutant(
      'the reader looks for a waiting writer before it gives room back',
      'reader',
      `    Atomics.store(this.#control, TAIL, this.#tail);
    const needed = Atomics.load(this.#control, WRITER_WAITS);`,
      `    const needed = Atomics.load(this.#control, WRITER_WAITS);
    Atomics.store(this.#control, TAIL, this.#tail);`,
    ),
    ringMutant(
      'draining gives room back while it lends it',
      'reader',
      `        handler(bytes, at, this.#length);
        if (!nested && ((this.#tail - this.#released) | 0) >= this.#quantum) this.#release();`,
      `        if (!nested && ((this.#tail - this.#released) | 0) >= this.#quantum) this.#release();
        handler(bytes, at, this.#length);`,
      'batches',
    ),
    mutexMutant(
      'taken without looking',
      'owner-word',
      'Atomics.compareExchange(this.#words, this.#at, 0, this.#me) === 0',
      'Atomics.exchange(this.#words, this.#at, this.#me) === 0 || true',
      'sync',
      0,
    ),
    mutexMutant(
      'given back without ringing',
      'owner-word',
      ' !== 0) this.participant.ringAll();',
      ' !== 0) return;',
      'sync',
      0,
    ),
    mutexMutant(
      'a sleeper does not announce itself',
      'participant',
      'this.#announcements = (this.#announcements + 1) & 0x7fffffff || 1;',
      'return;',
      'sync',
      0,
    ),
    mutexMutant(
      'a sleeper does not mark the word',
      'owner-word',
      'isMarked || (this.#replace(word, word | WAITERS) && !isFree)',
      'isMarked || !isMarked',
      'sync',
      0,
    ),
    mutexMutant(
      'the dead own for ever',
      'owner-word',
      '!this.participant.isAlive(owner)',
      'false as boolean',
    ),
    mutexMutant(
      'frozen and alive are taken for dead',
      'participant',
      'return this.#holdsProof(slot) && Atomics.load(this.words, slot + SLOT_LIFE) === identity;',
      'return false;',
      'sync',
      0,
    ),
    mutexMutant(
      'the successor of a dead owner is not told',
      'owner-word',
      "return owner === 0 && word >= 0 ? 'taken' : 'abandoned';",
      "return 'taken';",
    ),
    mutexMutant(
      'a sleeper watches whoever owns the lock by now',
      'mutex',
      'this.#participant.slotOf(this.#word.blocker)',
      'this.#participant.slotOf(this.#word.owner)',
    ),
    mutexMutant(
      'a sleeper on the event loop watches nobody',
      'waiting',
      'for (const line of lines.found) line.add(this);',
      '',
      'async',
    ),
    mutexMutant(
      'a ringer forgets the sleepers it has not rung for',
      'participant',
      'this.lineTo(slot)?.ring();',
      '',
      'sync',
      0,
    ),
    semaphoreMutant(
      'permits are given back without ringing',
      'compound-lock',
      '    this.participant.ringAll();\n',
      '',
    ),
    semaphoreMutant(
      'a sleeper does not say that there is one',
      'compound-lock',
      '    if (result === undefined && announced)\n      Atomics.store(this.words, this.participant.base + STATE_SLEEPERS, 1);\n',
      '',
    ),
    semaphoreMutant(
      'the dead keep their permits',
      'participant',
      'if ((identity & SLOT_MASK) === 0 || slot === this.slot || this.#holdsProof(slot)) continue;',
      'if (identity !== 0) continue;',
      1,
    ),
    permitMutant(
      'a recount lets others give meanwhile',
      'if (!this.#replace(word, WAITERS | (word & this.#recountMask))) continue;',
      'if (!this.#replace(word, word & ~this.#freeMask)) continue;',
    ),
    permitMutant(
      'a recount does not count itself',
      'const recounts = (word + this.#freeMask + 1) & this.#recountMask;',
      'const recounts = word & this.#recountMask;',
    ),
    permitMutant(
      'who gives does not see that there was a recount',
      '((word ^ before) & this.#recountMask) === 0 && (word & WAITERS) === 0;',
      '(word & WAITERS) === 0;',
    ),
    permitMutant(
      'who gives does not see that somebody waits',
      'if ((before & WAITERS) !== 0) return before;',
      '',
    ),
    permitMutant(
      'who takes says so too late',
      `    this.#hold(permits);
    const found = Atomics`,
      '    const found = Atomics',
    ),
    ...slotMutants(),
    ...lockMutants(),
    ...memoryMutants(),
    ...mqMutants(),
  ];
}
