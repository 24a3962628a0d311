/** The single-producer single-consumer ring: its two ends, and the wake line between them. */
import * as core from '@ipc/core';
import type { RingReader, RingWriter } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { sharedGlobals } from '../globals.ts';
import { party } from '../party.ts';
import { SharedMemory } from '../shared-memory.ts';
import { Source, type Edit } from '../source.ts';
import type { World } from '../world.ts';

const capacityBytes = 64;
const memoryBytes = 384 + capacityBytes;
const WRITER = 0;

/** Lengths that fill the ring, wrap around, and leave padding of more than one size. */
const thorough = [24, 24, 16, 40];
/** Fewer, which still wrap around. */
export const brief: readonly number[] = [24, 40, 8];

/** How messages are sent and received; `half-closed` one by one, by a writer that ends first and closes when the reader has. */
export type RingStyle = 'one by one' | 'batches' | 'claims' | 'half-closed';

interface RingRecord extends Record<string, unknown> {
  /** Messages whose sending has returned. */
  readonly sent: number;
  readonly received: number;
}

/** Shared memory here is no typed array: what stands for it has a `set` of its own. */
function setBytes(to: Uint8Array, from: Uint8Array, offset: number): void {
  to.set(from, offset);
}

/** Both ends as the shipped source makes them, anew for each run of a party. */
function ringMaker(
  edits: readonly Edit[],
): (onWake: () => void) => { reader: RingReader; writer: RingWriter } {
  const source = new Source(
    sharedGlobals,
    { '@ipc/core': core, 'packages/shm/src/set-bytes.ts': { setBytes } },
    edits,
  );
  const { RingMemory } = source.load('packages/shm/src/ring-layout.ts') as {
    RingMemory: new (buffer: SharedMemory, offset: number, capacity: number) => never;
  };
  // Rings have no module variables that matter, so one set of modules does for all runs.
  const { RingWriter } = source.load('packages/shm/src/ring-writer.ts') as {
    RingWriter: new (memory: never, wake: () => void) => RingWriter;
  };
  const { RingReader } = source.load('packages/shm/src/ring-reader.ts') as {
    RingReader: new (memory: never, wake: () => void) => RingReader;
  };
  return (onWake) => {
    const memory = new RingMemory(new SharedMemory(memoryBytes), 0, capacityBytes);
    return {
      get reader() {
        return new RingReader(memory, onWake);
      },
      get writer() {
        return new RingWriter(memory, onWake);
      },
    };
  };
}

/** @param edits - Changes of the source: none checks what is shipped. */
export function ring(
  style: RingStyle,
  deaths = 1,
  edits: readonly Edit[] = [],
  lengths: readonly number[] = thorough,
): Scenario {
  const make = ringMaker(edits);
  const messages = lengths.map((length, index) =>
    Uint8Array.from({ length }, (_, at) => 16 * (index + 1) + at),
  );
  return {
    name: `ring, ${style}, ${lengths.length} messages`,
    parties: 2,
    memoryBytes,
    deaths,
    record: { sent: 0, received: 0 } satisfies RingRecord,
    program(index) {
      const line = new Line(index);
      const ends = make(() => {
        line.wake();
      });
      if (index === WRITER) write(ends.writer, line, messages, style);
      else read(ends.reader, line, messages, style);
    },
    ended(world) {
      const { sent, received } = world.record as RingRecord;
      if (world.dead[1] === true) return;
      if (received < sent) throw new Error(`${sent} messages were sent, ${received} arrived`);
      if (world.dead[WRITER] !== true && received !== messages.length)
        throw new Error('messages are missing');
    },
  };
}

function write(writer: RingWriter, line: Line, messages: readonly Uint8Array[], style: RingStyle): void {
  party().begin();
  const send = (from: number): number => {
    const message = messages[from] as Uint8Array;
    if (style === 'batches') return writer.trySendMany(messages, from);
    // What its end has to publish.
    if (style === 'half-closed' && from === messages.length - 1) return writer.push(message) ? 1 : 0;
    if (style !== 'claims') return writer.trySend(message) ? 1 : 0;
    const claim = writer.tryClaim(message.length);
    if (claim === undefined) return 0;
    claim.ring.set(message, claim.offset);
    claim.commit();
    return 1;
  };
  for (let sent = 0; sent < messages.length && !writer.isAbandoned;) {
    party().settle(writer, line, sent);
    const count = send(sent);
    sent += count;
    if (count > 0) {
      if (writer.unpublishedBytes === 0) note({ sent });
    } else if (writer.awaitRoom()) {
      line.wait();
      writer.stopAwaiting();
      if (line.ended) break;
    }
  }
  if (style === 'half-closed') {
    writer.end();
    note({ sent: messages.length });
    while (!line.ended) line.wait();
  }
  writer.finish();
  line.close();
}

/** As the receiving port does: it sleeps when nothing is there, and ends when the line has ended and nothing is left. */
function read(reader: RingReader, line: Line, messages: readonly Uint8Array[], style: RingStyle): void {
  party().begin();
  let received = 0;
  const check = (bytes: Uint8Array): void => {
    const expected = messages[received];
    if (expected === undefined) throw new Error('one message too many');
    if (bytes.length !== expected.length || Buffer.compare(bytes, expected) !== 0) {
      throw new Error(`message ${received} is torn or out of order: [${String(bytes)}]`);
    }
    note({ received: ++received });
  };
  const receive = (): boolean => {
    if (style === 'batches') {
      const count = reader.drain((bytes, offset, length) => {
        check(bytes.slice(offset, offset + length));
      }, 2);
      return count > 0;
    }
    const message = reader.tryReceive();
    if (message !== undefined) check(message);
    return message !== undefined;
  };
  for (;;) {
    party().settle(reader, line, received);
    const { ended } = line;
    if (receive()) continue;
    if (reader.isEnded) {
      if (received < messages.length) throw new Error(`the end was seen before message ${received}`);
      line.close();
      return;
    }
    if (ended) break;
    if (!reader.sleep()) continue;
    line.wait();
    reader.stopSleeping();
  }
  const isWriterDead = party().along(({ dead }) => dead[WRITER] === true) as boolean;
  if (received === messages.length && !reader.isFinished && !isWriterDead) {
    throw new Error('a writer that has finished looks dead');
  }
}

/** The socket beside the ring: a byte wakes, and the end tells of the peer's. */
class Line {
  ended = false;
  readonly #inbox: number;
  readonly #outbox: number;

  constructor(index: number) {
    const attach = (name: string, reads: boolean): number =>
      party().step({ name: 'attach', make: (world) => world.entered().attach(index, name, reads) }) as number;
    this.#inbox = attach(`line ${index}`, true);
    this.#outbox = attach(`line ${1 - index}`, false);
  }

  wake(): void {
    const { index } = party();
    const fd = this.#outbox;
    try {
      party().step({ name: 'wake', make: (world) => world.entered().write(index, fd) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    }
  }

  /** Sleeps until it rings or ends. */
  wait(): void {
    const { index } = party();
    const fd = this.#inbox;
    const way = party().step({
      name: 'sleep',
      ways: ({ kernel }: World) =>
        kernel.isReadable(index, fd) ? ['rung'] : kernel.isEnded(index, fd) ? ['ended'] : [],
      make: (world, how) => {
        world.entered().read(index, fd);
        return how;
      },
    });
    if (way === 'ended') this.ended = true;
  }

  close(): void {
    const { index } = party();
    for (const fd of [this.#inbox, this.#outbox]) {
      party().step({
        name: 'close',
        make: (world) => {
          world.entered().close(index, fd);
        },
      });
    }
  }
}

function note(entry: Partial<RingRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry };
  });
}
