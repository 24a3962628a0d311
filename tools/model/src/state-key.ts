/** By what states are told apart. */
import { factors, hashOfText, mix, type Hash } from './hash.ts';
import type { Entry, Party, Settled } from './party.ts';
import type { State } from './state.ts';
import type { World } from './world.ts';

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env.MODEL_STACK === undefined ? error.message : (error.stack ?? error.message);
}

/** Of where a party is: equal when it goes on in the same way. The history since it was settled last, if nothing shorter is known. */
export function placeText(
  { log, condensed, memory, accesses, next }: Party,
  { text, steps }: Settled,
): string {
  const accessed = [...accesses].join();
  if (next === undefined) return `${accessed};ended`;
  if (memory !== undefined) return `${next.name};${accessed};${memory}`;
  const parts = [accessed, ';', text];
  let at = steps;
  for (const { from, to, text: outcome } of condensed) {
    if (from < at) continue;
    for (; at < from; at++) parts.push(textOf(log[at] as Entry));
    parts.push(outcome);
    at = to;
  }
  for (; at < log.length; at++) parts.push(textOf(log[at] as Entry));
  return parts.join('');
}

/** Equal for outcomes that a program cannot tell apart. */
export function textOf(entry: Entry): string {
  if ('error' in entry) return `!${messageOf(entry.error)};`;
  const { value } = entry;
  if (typeof value === 'number') return `${value};`;
  return value === undefined
    ? ';'
    : `${ArrayBuffer.isView(value) ? (value as Uint8Array).join() : JSON.stringify(value)};`;
}

const recordHashes = new WeakMap<object, Hash>();

function hashOfRecord(record: World['record']): Hash {
  let hash = recordHashes.get(record);
  if (hash === undefined) recordHashes.set(record, (hash = hashOfText(JSON.stringify(record))));
  return hash;
}

/**
 * 53 bits, equal for states after which the same can follow.
 *
 * @param running - The party that may go on without stopping another, if it matters.
 */
export function keyOf({ world, places, deaths }: State, running = -1): number {
  const [factor, otherFactor] = factors;
  let [one, other] = [deaths + 1, (running + 1) * 64 + deaths + 7];
  const add = (value: number, otherValue: number): void => {
    one = mix(one, value, factor);
    other = mix(other, otherValue, otherFactor);
  };
  for (const word of world.memory) {
    one = mix(one, word, factor);
    other = mix(other, word, otherFactor);
  }
  add(...world.kernel.hash);
  add(...hashOfRecord(world.record));
  if (world.processor !== undefined) add(...hashOfText(JSON.stringify(world.sights)));
  for (const [index, { id, next }] of places.entries()) {
    const isDead = world.dead[index] === true;
    const status =
      (world.naps[index] ?? 0) * 8 +
      (isDead ? 4 : 0) +
      (world.restless[index] === true ? 2 : 0) +
      (next === undefined ? 1 : 0);
    const where = isDead ? 0 : id + 1;
    add(status + 11, status + 11);
    add(where, where);
  }
  return (one >>> 0) * 0x200000 + (other >>> 11);
}
