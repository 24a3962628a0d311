import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  binaryFormat,
  copyStamp,
  DamagedMessage,
  LEAST_MESSAGE_BYTES,
  Mark,
  textFormat,
} from '../src/message-format.ts';

const bytes = fc.integer({ min: LEAST_MESSAGE_BYTES, max: 300 });
const sequence = fc.integer({ min: 0, max: 2 ** 31 });
const mark = fc.constantFrom(...Object.values(Mark));

describe('binary messages', () => {
  test('carry their number and mark', () => {
    fc.assert(
      fc.property(bytes, sequence, mark, (length, number, which) => {
        const message = binaryFormat.stamp(binaryFormat.blank(length), number, which);
        expect(message).toHaveLength(length);
        expect(binaryFormat.check(message, length, number)).toBe(which);
        expect(binaryFormat.numberOf(message)).toBe(number);
        const text = textFormat.stamp(textFormat.blank(length), number, which);
        expect(textFormat.numberOf(text)).toBe(number);
      }),
    );
  });

  test('of a marked one and of each 1024th every changed byte is noticed; of any, those of number, mark and check', () => {
    fc.assert(
      fc.property(
        fc.oneof(bytes, fc.constant(64 << 10)),
        fc.oneof(
          sequence,
          fc.nat(1000).map((times) => times * 1024 + 1023),
        ),
        mark,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (length, number, which, at, flip) => {
          const message = binaryFormat.stamp(binaryFormat.blank(length), number, which);
          const index = at % length;
          message[index] = (message[index] ?? 0) ^ flip;
          const isWhole = which !== Mark.plain || number % 1024 === 1023;
          if (!isWhole && index > 4 && index < length - 4) return;
          expect(() => binaryFormat.check(message, length, number)).toThrow(DamagedMessage);
        },
      ),
    );
  });

  test('an earlier one of the same length becomes another by what stamps change', () => {
    fc.assert(
      fc.property(bytes, sequence, mark, (length, number, which) => {
        const earlier = binaryFormat.stamp(binaryFormat.blank(length), 7, Mark.start);
        const message = binaryFormat.stamp(binaryFormat.blank(length), number, which);
        copyStamp(message, earlier);
        expect(earlier).toEqual(message);
      }),
    );
  });

  test('a lost, repeated or cut message is noticed', () => {
    const message = binaryFormat.stamp(binaryFormat.blank(64), 7, Mark.plain);
    expect(() => binaryFormat.check(message, 64, 6)).toThrow('it is message 7');
    expect(() => binaryFormat.check(message, 64, 8)).toThrow(DamagedMessage);
    expect(() => binaryFormat.check(message.subarray(0, 63), 64, 7)).toThrow('it has 63 bytes');
  });
});

describe('text messages', () => {
  test('carry their number and mark', () => {
    fc.assert(
      fc.property(bytes, sequence, mark, (length, number, which) => {
        const message = textFormat.stamp(textFormat.blank(length), number, which);
        expect(message).toHaveLength(length);
        expect(textFormat.check(message, length, number)).toBe(which);
      }),
    );
  });

  test('damage is noticed', () => {
    for (const [number, which] of [
      [7, Mark.last],
      [1023, Mark.plain],
    ] as const) {
      const message = textFormat.stamp(textFormat.blank(64), number, which);
      expect(() => textFormat.check(message, 64, number + 1)).toThrow(DamagedMessage);
      for (let i = 0; i < message.length; i++) {
        const damaged = `${message.slice(0, i)}~${message.slice(i + 1)}`;
        expect(() => textFormat.check(damaged, 64, number)).toThrow(DamagedMessage);
      }
    }
  });
});
