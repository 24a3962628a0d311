/** What is broken on purpose in `@ipc/shm`: broadcast, queue, latest value, and the participants that sleep and die in them. */
import { mutant, type Mutant } from './mutant.ts';
import { broadcast, type BroadcastShape } from './scenarios/broadcast.ts';
import { latest, type LatestShape } from './scenarios/latest.ts';
import { queue, type QueueParty, type QueueShape } from './scenarios/queue.ts';
import { waitAny } from './scenarios/wait-any.ts';

const publisher = { publishes: 1, spelling: 'sync' } as const;
/** Two messages are there, in two slots, when all begin. */
const lapping = { publishes: 3, spelling: 'sync', before: 2 } as const;
const subscriber = { subscribes: 'sync' } as const;
const filling = { sends: 3, spelling: 'sync', before: 2 } as const;
const consumer = { receives: 'sync' } as const;

const one: BroadcastShape = { overflow: 'wait', slots: 2, parties: [subscriber, publisher], deaths: 0 };
const lapped: BroadcastShape = { overflow: 'lap', slots: 2, parties: [subscriber, lapping], deaths: 0 };
const waited: BroadcastShape = { overflow: 'wait', slots: 2, parties: [subscriber, lapping], deaths: 0 };
const full: QueueShape = { slots: 2, parties: [filling, consumer], deaths: 0 };
const read: LatestShape = { parties: [{ publishes: 2 }, { reads: 'all' }], deaths: 0 };
const onLoop: LatestShape = { parties: [{ publishes: 1 }, { reads: 'all on the loop' }], deaths: 0 };
const overtaken: LatestShape = { parties: [{ publishes: 5 }, { reads: 1 }], deaths: 0 };
const onArm: LatestShape = { ...overtaken, processor: 'armv8' };

function inBroadcast(name: string, file: string, from: string, to: string, shape: BroadcastShape): Mutant {
  return mutant(`broadcast: ${name}`, `packages/shm/src/${file}.ts`, from, to, (edits) =>
    broadcast(shape, edits),
  );
}

function inQueue(name: string, file: string, from: string, to: string, shape: QueueShape): Mutant {
  return mutant(`queue: ${name}`, `packages/shm/src/${file}.ts`, from, to, (edits) => queue(shape, edits));
}

/** Two messages are taken before anybody is told of the room; the third waits for it. */
function inQueueOwing(name: string, file: string, from: string, to: string, consumer: QueueParty): Mutant {
  const sender = { sends: 3, spelling: 'sync', before: 2 } as const;
  return mutant(`queue: ${name}`, file, from, to, (edits) =>
    queue({ slots: 2, quantum: 4, parties: [sender, consumer], deaths: 0 }, edits),
  );
}

function inLatest(
  name: string,
  end: 'reader' | 'writer',
  from: string,
  to: string,
  shape: LatestShape,
): Mutant {
  return mutant(`latest value: ${name}`, `packages/shm/src/latest-${end}.ts`, from, to, (edits) =>
    latest(shape, edits),
  );
}

/** One message comes, into the second of two queues. */
function inWaitAny(name: string, file: string, from: string, to: string): Mutant {
  return mutant(`wait for any: ${name}`, `packages/shm/src/${file}.ts`, from, to, (edits) =>
    waitAny({ senders: [[1]], deaths: 0 }, edits),
  );
}

export function slotMutants(): readonly Mutant[] {
  return [
    inBroadcast(
      'the message is written after it is published',
      'slot-memory',
      `    this.bytes.set(message, slot * 4 + SLOT_HEADER_BYTES);
    Atomics.store(this.words, slot, this.state(this.claimed, FULL, owner));`,
      `    Atomics.store(this.words, slot, this.state(this.claimed, FULL, owner));
    this.bytes.set(message, slot * 4 + SLOT_HEADER_BYTES);`,
      one,
    ),
    inBroadcast(
      'a subscriber does not look whether it was lapped while it copied',
      'broadcast-subscriber',
      "if (Atomics.load(words, slot) !== state) return 'again';",
      '',
      lapped,
    ),
    inBroadcast(
      'a subscriber gives room back before it has copied',
      'broadcast-subscriber',
      `      const length = words[slot + 1] as number;`,
      `      this.#advance();
      const length = words[slot + 1] as number;`,
      waited,
    ),
    inBroadcast(
      'nobody is woken',
      'sleepers',
      `    participant.ringLine(line);
  });`,
      '  });',
      one,
    ),
    inBroadcast(
      'who falls asleep does not look again',
      'slot-sleep',
      'sleeps.find((sleep) => sleep.#announceAndLook())',
      'sleeps.find((sleep) => sleep.#announceAndLook() && sleep.#need() < 0)',
      one,
    ),
    inBroadcast(
      'a sleeper does not announce itself',
      'participant',
      'Atomics.store(this.#words, this.line + ANNOUNCEMENT, this.#announcements);',
      '',
      one,
    ),
    inBroadcast('a sleeper does not raise the hint', 'sleepers', 'Atomics.or(words, hint, 1);', '', one),
    inBroadcast(
      'who sleeps does not hear of deaths',
      'participant',
      'const lines = sleepers.flatMap',
      'const lines = [].flatMap',
      { ...waited, deaths: 1, mortals: [0] },
    ),
    inBroadcast(
      'the living are buried',
      'participant',
      "if (ofdHolder(this.#proof, 'exclusive', at, 1) || !ofdLock(this.#proof, 'exclusive', at, 1)) return false;",
      '',
      waited,
    ),
    inQueue(
      'a message is taken without making sure that nobody else has',
      'queue-consumer',
      'if (Atomics.compareExchange(words, slot, state, taken) !== state) return undefined;',
      'Atomics.store(words, slot, taken);',
      { slots: 2, parties: [consumer, consumer, { sends: 1, spelling: 'sync', before: 1 }], deaths: 0 },
    ),
    inQueue(
      'a slot is given back before the message is copied',
      'queue-consumer',
      `    const message = fits ? copy(memory, slot * 4 + SLOT_HEADER_BYTES, length) : undefined;
    Atomics.store(words, slot, memory.state(sequence, DONE, 0));`,
      `    Atomics.store(words, slot, memory.state(sequence, DONE, 0));
    const message = fits ? copy(memory, slot * 4 + SLOT_HEADER_BYTES, length) : undefined;`,
      full,
    ),
    inQueue(
      'a producer that waits is not woken',
      'queue-consumer',
      'wakeAll(memory.words, memory.sleepingWriters, WRITER, participant);',
      '',
      full,
    ),
    inQueue(
      'what a dead consumer had taken is lost',
      'slot-memory',
      'Atomics.compareExchange(words, slot, state, stateOf(lap, FULL, 0));',
      'Atomics.compareExchange(words, slot, state, stateOf(lap, DONE, 0));',
      {
        slots: 2,
        parties: [{ sends: 1, spelling: 'sync', before: 1 }, consumer, consumer],
        deaths: 1,
        mortals: [2],
      },
    ),
    inLatest(
      'a reader does not look whether it was overtaken',
      'reader',
      'if (lead < 0 || lead > SAFE_LEAD) continue;',
      '',
      overtaken,
    ),
    inLatest(
      'a reader looks whether it was overtaken before it copies',
      'reader',
      `      const value = fits ? this.#copySlot(slot, at, length, target) : undefined;
      fence();
      const lead = (Atomics.load(words, SEQUENCE) - sequence) | 0;`,
      `      const lead = (Atomics.load(words, SEQUENCE) - sequence) | 0;
      const value = fits ? this.#copySlot(slot, at, length, target) : undefined;`,
      overtaken,
    ),
    inLatest(
      'a value is published before it is written',
      'writer',
      'this.#bytes.set(value, at + SLOT_HEADER_BYTES);',
      `Atomics.exchange(this.#words, SEQUENCE, sequence);
    this.#bytes.set(value, at + SLOT_HEADER_BYTES);`,
      read,
    ),
    inLatest(
      'a value is written to the slot that is being read',
      'writer',
      'const at = SLOTS_AT + (sequence & (SLOTS - 1)) * this.#slotBytes;\n    this.#words',
      'const at = SLOTS_AT;\n    this.#words',
      read,
    ),
    inLatest('a reader may look again before it has copied', 'reader', '      fence();\n', '', onArm),
    inLatest(
      'nobody on an event loop is rung',
      'writer',
      'if ((sleeping & 1) !== 0) this.#ring(sleeping);',
      '',
      onLoop,
    ),
    inLatest(
      'a publisher looks for those on event loops before it publishes',
      'writer',
      '    Atomics.exchange(this.#words, SEQUENCE, sequence);\n',
      '    const early = Atomics.load(this.#words, SLEEPING_READERS);\n    Atomics.exchange(this.#words, SEQUENCE, sequence);\n    if ((early & 1) === 0) return;\n',
      onLoop,
    ),
    inLatest(
      'a reader on its event loop only hears of what comes',
      'reader',
      'SLEEPING_READERS,\n        participant',
      'SLEEPERS,\n        participant',
      onLoop,
    ),
    inQueueOwing(
      'what was taken one by one is told of when it is enough, and never else',
      'packages/shm/src/owed-wake.ts',
      'this.settle();\n    });',
      '});',
      { takes: 1, spelling: 'async' },
    ),
    inQueueOwing(
      'a consumer in a thread that blocks leaves it to its event loop to tell of room',
      'packages/shm/src/records-receiver.ts',
      '        this.#port.settle();\n',
      '',
      { takes: 1, spelling: 'sync' },
    ),
    inLatest(
      'nobody is woken',
      'writer',
      'if (Atomics.load(this.#words, SLEEPERS) !== 0) native.futexWake(this.#words, SEQUENCE, 2 ** 31 - 1);',
      '',
      read,
    ),
    inLatest(
      'a publisher looks for sleepers before it publishes',
      'writer',
      `    Atomics.exchange(this.#words, SEQUENCE, sequence);
    if (Atomics.load(this.#words, SLEEPERS) !== 0) native`,
      `    const sleepers = Atomics.load(this.#words, SLEEPERS);
    Atomics.exchange(this.#words, SEQUENCE, sequence);
    if (sleepers !== 0) native`,
      read,
    ),
    inLatest(
      'a waiting reader sleeps whatever the number is by now',
      'reader',
      'native.futexWait(words, SEQUENCE, this.#seen, cutShort.limit(left))',
      'native.futexWait(words, SEQUENCE, Atomics.load(words, SEQUENCE), cutShort.limit(left))',
      read,
    ),
    inWaitAny(
      'all are looked at before they are announced',
      'slot-sleep',
      'const ready = sleeps.find((sleep) => sleep.#announceAndLook());',
      `const ready = sleeps.find((sleep) => sleep.#isReady());
        for (const sleep of sleeps) sleep.#announce(sleep.#need());`,
    ),
    inWaitAny(
      'the thread sleeps for the bell of the first alone',
      'slot-sleep',
      'Participant.block(participants, limit)',
      'Participant.block(participants.slice(0, 1), limit)',
    ),
    inWaitAny(
      'the first is named whichever is ready',
      'wait-any-sync',
      'const index = sleeps.indexOf(woken);\n    waits[index]?.serve();\n    if (woken.damage !== undefined || waits[index]?.isReady() === true) return index;',
      'return 0;',
    ),
  ];
}
