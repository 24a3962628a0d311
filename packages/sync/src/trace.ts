/**
 * For people who look for a deadlock: where and when a lock was acquired.
 *
 * The time is in the owner's slot; the stacks of all locks that a thread holds are in a file beside its bell, JSON, one
 * entry for each lock and owner, written anew with each acquisition. It goes with the bell.
 */
import { fstatSync, readFileSync, writeFileSync } from 'node:fs';
import { bellPath, tracePath } from './bell-path.ts';
import { SLOT_BELL, SLOT_SINCE } from './lock-layout.ts';
import type { Participant } from './participant.ts';

const stacks = new Map<string, string>();

/** Notes where one participant acquires. Cost of each note: a stack trace and a file; it is for debugging. */
export class Trace {
  readonly #participant: Participant;
  readonly #key: string;

  constructor(participant: Participant, descriptor: number) {
    this.#participant = participant;
    this.#key = keyOf(descriptor, participant.identity, participant.base);
  }

  acquired(): void {
    Atomics.store(this.#participant.words, this.#participant.slot + SLOT_SINCE, monotonicMs() || 1);
    stacks.set(this.#key, new Error().stack?.split('\n').slice(2).join('\n') ?? '');
    this.#write();
  }

  released(): void {
    Atomics.store(this.#participant.words, this.#participant.slot + SLOT_SINCE, 0);
    if (stacks.delete(this.#key)) this.#write();
  }

  #write(): void {
    const { high, low } = this.#participant.bell;
    writeFileSync(tracePath(bellPath(high, low)), JSON.stringify(Object.fromEntries(stacks)), {
      mode: 0o600,
    });
  }
}

/** How long the one in `slot` has held the lock; undefined when it does not trace, or holds nothing. */
export function heldMs(words: Int32Array, slot: number): number | undefined {
  const since = Atomics.load(words, slot + SLOT_SINCE);
  return since === 0 ? undefined : Math.max(0, (monotonicMs() - since) | 0);
}

/** Where it acquired the lock; undefined when it does not trace, or belongs to another user. */
export function stackOf(
  descriptor: number,
  words: Int32Array,
  slot: number,
  identity: number,
  base: number,
): string | undefined {
  const path = bellPath(Atomics.load(words, slot + SLOT_BELL), Atomics.load(words, slot + SLOT_BELL + 1));
  try {
    const entries = JSON.parse(readFileSync(tracePath(path), 'utf8')) as Record<string, unknown>;
    const stack = entries[keyOf(descriptor, identity, base)];
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined; // no such file, or just being written
  }
}

function keyOf(descriptor: number, identity: number, base: number): string {
  return `${fstatSync(descriptor).ino}:${base}:${identity}`;
}

/** CLOCK_MONOTONIC, the same for all processes, in a 32-bit word that wraps. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) | 0;
}
