/** Hashes of states: two lanes of 32 bits, multiplied and mixed, of which 53 bits are kept. */
import type { Entry, Party, Settled } from './party.ts';
import type { State } from './state.ts';
import type { World } from './world.ts';

function mix(hash: number, value: number, factor: number): number {
  const product = Math.imul(hash ^ value, factor);
  return product ^ (product >>> 15);
}

function mixText(lanes: [number, number], text: string): void {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    lanes[0] = mix(lanes[0], code, 0x85ebca6b);
    lanes[1] = mix(lanes[1], code, 0xc2b2ae35);
  }
}

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

const recordTexts = new WeakMap<object, string>();

function textOfRecord(record: World['record']): string {
  let text = recordTexts.get(record);
  if (text === undefined) recordTexts.set(record, (text = JSON.stringify(record)));
  return text;
}

/** Equal for states after which the same can follow. @param running - The party that may go on without stopping another, if it matters. */
export function keyOf({ world, places, deaths }: State, running = -1): number {
  const lanes: [number, number] = [deaths + 1, (running + 1) * 64 + deaths + 7];
  for (const word of world.memory) {
    lanes[0] = mix(lanes[0], word, 0x85ebca6b);
    lanes[1] = mix(lanes[1], word, 0xc2b2ae35);
  }
  mixText(lanes, world.kernel.text);
  mixText(lanes, textOfRecord(world.record));
  if (world.processor !== undefined) mixText(lanes, JSON.stringify(world.sights));
  for (const [index, { id, next }] of places.entries()) {
    const isDead = world.dead[index] === true;
    const status =
      (world.naps[index] ?? 0) * 8 +
      (isDead ? 4 : 0) +
      (world.restless[index] === true ? 2 : 0) +
      (next === undefined ? 1 : 0);
    const where = isDead ? 0 : id + 1;
    lanes[0] = mix(mix(lanes[0], status + 11, 0x85ebca6b), where, 0x27d4eb2f);
    lanes[1] = mix(mix(lanes[1], status + 11, 0xc2b2ae35), where, 0x165667b1);
  }
  return (lanes[0] >>> 0) * 0x200000 + (lanes[1] >>> 11);
}
