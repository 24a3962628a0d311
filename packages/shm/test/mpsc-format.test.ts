import { readFileSync } from 'node:fs';
import { MpscReceiver, MpscSender, Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

noLeaks();

interface Vector {
  readonly what: string;
  /** Before anything is written. */
  readonly position: number;
  readonly written: readonly string[];
  readonly tail: number;
  /** State of each unit that is not free for position 0, and the hexadecimal start of its payload. */
  readonly states: Readonly<Record<string, number>>;
  readonly payloads: Readonly<Record<string, string>>;
  readonly read: readonly string[];
}

const document = new URL('../../../docs/wire-formats/mpsc.json', import.meta.url);
const { units, participants, vectors } = JSON.parse(readFileSync(document, 'utf8')) as {
  units: number;
  participants: number;
  vectors: readonly Vector[];
};
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? unhex('dead')).toString('hex');
const statesAt = 640 + participants * 128;

/** A ring in which so many units have been claimed and freed. */
function ringAt(position: number): { name: string; sender: MpscSender; region: Region } {
  const name = uniqueName('vector');
  const sender = MpscSender.open(name, { capacityBytes: units * 64, participants, lifetime: 'while-open' });
  const region = Region.open(name, { kind: 'mpsc' });
  onTestFinished(() => {
    region.close();
    return sender.close();
  });
  region.words[0] = region.words[32] = position;
  for (let unit = 0; unit < units; unit++) {
    region.words[(statesAt >> 2) + unit] =
      (position & -units) + (unit < (position & (units - 1)) ? units : 0);
  }
  return { name, sender, region };
}

function statesOf(region: Region): number[] {
  return [...region.words.subarray(statesAt >> 2, (statesAt >> 2) + units)].map((state) => state >>> 0);
}

describe('mpsc.json', () => {
  test.each(vectors)('writing: $what', ({ position, written, tail, states, payloads }) => {
    const { sender, region } = ringAt(position);
    const expected = statesOf(region);
    for (const [unit, state] of Object.entries(states)) expected[Number(unit)] = state;
    for (const message of written) expect(sender.trySend(unhex(message))).toBe(true);
    expect((region.words[0] as number) >>> 0).toBe(tail);
    expect(statesOf(region)).toEqual(expected);
    for (const [unit, payload] of Object.entries(payloads)) {
      const at = statesAt + units * 4 + Number(unit) * 64;
      expect(hex(region.bytesView.slice(at, at + payload.length / 2))).toBe(payload);
    }
  });

  test.each(vectors)('reading: $what', async ({ position, tail, states, payloads, read }) => {
    const { name, region } = ringAt(position);
    region.words[0] = tail;
    for (const [unit, state] of Object.entries(states)) region.words[(statesAt >> 2) + Number(unit)] = state;
    for (const [unit, payload] of Object.entries(payloads)) {
      region.bytesView.set(unhex(payload), statesAt + units * 4 + Number(unit) * 64);
    }
    const receiver = MpscReceiver.open(name);
    for (const message of read) expect(hex(receiver.tryReceive())).toBe(message);
    expect(receiver.tryReceive()).toBeUndefined();
    expect(receiver.receiveSync({ timeoutMs: 0 })).toBeUndefined(); // before it sleeps it stores head
    expect((region.words[32] as number) >>> 0).toBe(tail);
    await receiver.close();
  });

  test('constants and a participant lie where the document says', () => {
    const { view } = ringAt(0).region;
    expect([512, 516].map((offset) => view.getUint32(offset, true))).toEqual([units, participants]);
    expect([0, 4, 12].map((offset) => view.getUint32(640 + offset, true))).toEqual([257, process.pid, 1]);
  });
});
