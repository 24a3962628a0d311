/** What is broken on purpose in `@ipc/mq`: the queue in shared memory, its ring and its cells. */
import { mutant, type Mutant } from './mutant.ts';
import { sharedQueue, type SharedQueueShape } from './scenarios/shared-queue.ts';

const consumer = { receives: 'sync' } as const;
const leaser = { receives: 'sync', leases: true } as const;
const small: SharedQueueShape = { parties: [{ sends: ['small'], spelling: 'sync' }, consumer], deaths: 0 };
const urgent: SharedQueueShape = { parties: [{ sends: ['urgent'], spelling: 'sync' }, consumer], deaths: 0 };
const shared: SharedQueueShape = {
  parties: [{ sends: ['small'], spelling: 'sync', before: 1 }, consumer, consumer],
  deaths: 0,
};
const long: SharedQueueShape = {
  parties: [{ sends: ['long', 'long', 'long'], spelling: 'sync', before: 2 }, consumer],
  deaths: 0,
};
const longs: SharedQueueShape = {
  parties: [{ sends: ['long'], spelling: 'sync' }, { sends: ['long'], spelling: 'sync' }, consumer],
  deaths: 0,
};
/** Two messages fill the ring when all begin. */
const full: SharedQueueShape = {
  parties: [consumer, { sends: ['small', 'small', 'small'], spelling: 'sync', before: 2 }],
  deaths: 0,
};
/** The second goes into a cell, behind the first, which is in the ring; so does the third. */
const behind: SharedQueueShape = {
  parties: [{ sends: ['small', 'timed', 'small'], spelling: 'sync', before: 2 }, consumer],
  deaths: 0,
};
const preferred: SharedQueueShape = {
  parties: [{ sends: ['small', 'urgent'], spelling: 'sync', before: 2 }, consumer],
  deaths: 0,
};
const inherited: SharedQueueShape = {
  parties: [{ sends: ['small'], spelling: 'sync', before: 1 }, leaser, leaser],
  deaths: 1,
  mortals: [2],
};

function inQueue(name: string, file: string, from: string, to: string, shape: SharedQueueShape): Mutant {
  return mutant(`shared queue: ${name}`, `packages/mq/src/${file}.ts`, from, to, (edits) =>
    sharedQueue(shape, edits),
  );
}

export function mqMutants(): readonly Mutant[] {
  return [
    inQueue(
      'a message is visible before it is written',
      'slot-ring',
      'this.#memory.write(slot, message);',
      `Atomics.store(this.#words, this.#memory.stateAt(slot), free | PUBLISHED);
      this.#memory.write(slot, message);`,
      small,
    ),
    inQueue(
      'a message is received without making sure that nobody else has it',
      'slot-ring',
      'if (Atomics.compareExchange(this.#words, this.#memory.stateAt(this.#slot), state, after) !== state) {',
      'if (Atomics.exchange(this.#words, this.#memory.stateAt(this.#slot), after) === 0) {',
      shared,
    ),
    inQueue(
      'a sender does not notice that its message was skipped',
      'slot-ring',
      'if (Atomics.compareExchange(this.#words, at, writing, free | PUBLISHED) === writing) {',
      'if (Atomics.compareExchange(this.#words, at, writing, free | PUBLISHED) !== 0) {',
      small,
    ),
    inQueue(
      'a long message is copied out of blocks that others may have by then',
      'slot-ring',
      `      const isWhole = this.#blocks.load(block, state, bytes);
      memory.receive(slot);
      memory.freeBlocks(slot);`,
      `      memory.receive(slot);
      memory.freeBlocks(slot);
      const isWhole = this.#blocks.load(block, state, bytes);`,
      long,
    ),
    inQueue(
      'two take the same block',
      'block-pool',
      'if (Atomics.compareExchange(words, at, free, state) === free) {',
      'if (Atomics.exchange(words, at, state) !== 0) {',
      longs,
    ),
    inQueue(
      'who sends a message through the ring wakes nobody',
      'queue-sleep',
      'if (orderedLoad(this.#words, MESSAGE_WANTED) !== 0) this.#wakeFromOutside(WANTS_MESSAGE);',
      '',
      small,
    ),
    inQueue(
      'who sends a message in cells wakes nobody',
      'message-table',
      `    this.#parts.ring(WANTS_MESSAGE);
    const cell = this.#contents.store(message, priority);
    if (timing`,
      `    const cell = this.#contents.store(message, priority);
    if (timing`,
      urgent,
    ),
    inQueue(
      'who frees a slot wakes nobody',
      'queue-sleep',
      'if (orderedLoad(this.#words, ROOM_WANTED) !== 0) this.#wakeFromOutside(WANTS_ROOM);',
      '',
      full,
    ),
    inQueue(
      'what is sent behind messages in the ring comes before them',
      'delivery-order',
      'return this.canAddLast() && this.#ring.isClosed ? behindRingList : priorityList(0);',
      'return priorityList(0);',
      behind,
    ),
    inQueue(
      'who looks at the ring does not look whether something comes before it',
      'delivery-order',
      'return this.#words[SUMMARY] === 0 && this.isSettled(now);',
      'return this.isSettled(now);',
      preferred,
    ),
    inQueue(
      'what the dead had under lease stays there',
      'lease-holders',
      'if (index === own || !this.#holdsSomething(index) || this.#isAlive(index)) continue;',
      'if (index >= 0) continue;',
      inherited,
    ),
    inQueue(
      'who sleeps does not hear of the death of one with a lease',
      'shared-store',
      'watched: wantsRoom ? this.#holders.receivers : this.#holders.identities,',
      'watched: [],',
      inherited,
    ),
    inQueue(
      'who sleeps for room does not hear of the death of one who makes some',
      'shared-store',
      'watched: wantsRoom ? this.#holders.receivers : this.#holders.identities,',
      'watched: this.#holders.identities,',
      { ...full, deaths: 1, mortals: [0] },
    ),
    inQueue(
      'who receives for the first time does not tell those who sleep for room',
      'shared-store',
      `      this.#sleep.wake(WANTS_ROOM);
      this.#words[this.#received] = 1;`,
      '      this.#words[this.#received] = 1;',
      { ...full, deaths: 1, mortals: [0] },
    ),
  ];
}
