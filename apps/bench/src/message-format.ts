/**
 * How a message is known to be the right one, and whole.
 *
 * Each message carries its number, a mark, and at its end a check of both and of its length:
 *
 *     bytes   0        4      5                        length - 4     length
 *            +--------+------+------------------------+--------------+
 *            | number | mark | filler                 | check        |
 *            +--------+------+------------------------+--------------+
 *              u32 LE   u8     (i * 31) & 0xff           u32 LE
 *
 * The receiver verifies number and check of every message, and every byte of filler of a marked one and of each 1024th of up to 64 KiB. Text
 * messages, for what only carries text well, have the same parts in hexadecimal.
 */

/** What a message says about the run beside its number. */
export const Mark = {
  /** One of many. */
  plain: 0,
  /** The warm-up ends with this one: the clock starts when it arrives. */
  start: 1,
  /** Nothing follows: the clock stops when it arrives. */
  last: 2,
} as const;
export type Mark = (typeof Mark)[keyof typeof Mark];
/** Not exported: V8 loads an exported constant from memory at every use. */
const { plain } = Mark;

export const LEAST_MESSAGE_BYTES = 24;
/** More would not fit several times into the memory of a small machine. What has a limit to be set allows as much. */
export const MOST_MESSAGE_BYTES: number = 64 << 20;

export interface MessageFormat<T> {
  /** A message of so many bytes, at least {@link LEAST_MESSAGE_BYTES}; to be stamped before each sending. */
  blank(bytes: number): T;
  /** The message to send: `blank` itself, changed in place, or a new one. */
  stamp(blank: T, sequence: number, mark: Mark): T;
  /**
   * Whether this is message `sequence`, whole.
   * @returns Its mark.
   * @throws {DamagedMessage} It is not.
   */
  check(message: T, bytes: number, sequence: number): Mark;
  /** What a message says its number is; to be checked. */
  numberOf(message: T): number;
}

/** A message was lost, came twice, out of order, cut or changed. It fails the run. */
export class DamagedMessage extends Error {
  static {
    this.prototype.name = 'DamagedMessage';
  }

  constructor(sequence: number, bytes: number, what: string) {
    super(`message ${sequence} of ${bytes} bytes arrived lost or damaged: ${what}`);
  }
}

/** Whether every byte is looked at, of one message in so many: that costs no figure anything that would show. */
const isSearched = (sequence: number, bytes: number): boolean =>
  (sequence & 1023) === 1023 && bytes <= mostSearchedBytes;
/** Of larger ones a cell has few beside those that are marked, and to read them costs more than to hand a loan over. */
const mostSearchedBytes = 64 << 10;

const fillerPeriod = 256;
const fillerByte = (index: number): number => (index * 31) & 0xff;

function checkOf(sequence: number, mark: number, bytes: number): number {
  return (Math.imul(sequence ^ (mark << 30), 0x9e3779b1) ^ bytes) | 0;
}

function toMark(value: number, sequence: number, bytes: number): Mark {
  if (value === Mark.plain || value === Mark.start || value === Mark.last) return value;
  throw new DamagedMessage(sequence, bytes, `its mark is ${value}`);
}

/**
 * Four bytes as a signed integer, which V8 keeps out of the heap, and by hand: a view per message would cost more
 * than the message. Beyond the end there are zeros.
 */
function word(message: Uint8Array, offset: number): number {
  const low = (message[offset] ?? 0) | ((message[offset + 1] ?? 0) << 8);
  const high = (message[offset + 2] ?? 0) | ((message[offset + 3] ?? 0) << 8);
  return low | (high << 16);
}

function putWord(message: Uint8Array, offset: number, value: number): void {
  message[offset] = value;
  message[offset + 1] = value >>> 8;
  message[offset + 2] = value >>> 16;
  message[offset + 3] = value >>> 24;
}

/** One period byte by byte, and the rest against itself, one period on: as fast as memory, since a message may be large. */
function checkFiller(message: Uint8Array, sequence: number): void {
  const filler = message.subarray(5, -4);
  const isRepeated =
    filler.length <= fillerPeriod ||
    Buffer.compare(filler.subarray(fillerPeriod), filler.subarray(0, -fillerPeriod)) === 0;
  const checked = isRepeated ? Math.min(filler.length, fillerPeriod) : filler.length;
  for (let i = 0; i < checked; i++) {
    if (filler[i] !== fillerByte(i + 5))
      throw new DamagedMessage(sequence, message.length, `byte ${i + 5} is wrong`);
  }
}

/** Any message: what is wrong with it, or its mark. */
function examine(message: Uint8Array, bytes: number, sequence: number): Mark {
  if (message.length !== bytes) throw new DamagedMessage(sequence, bytes, `it has ${message.length} bytes`);
  const number = word(message, 0);
  if (number !== (sequence | 0)) {
    throw new DamagedMessage(sequence, bytes, `it is message ${number >>> 0}`);
  }
  const mark = toMark(message[4] ?? -1, sequence, bytes);
  if (word(message, bytes - 4) !== checkOf(sequence, mark, bytes)) {
    throw new DamagedMessage(sequence, bytes, 'its last word is wrong');
  }
  if (mark !== Mark.plain || isSearched(sequence, bytes)) checkFiller(message, sequence);
  return mark;
}

export const binaryFormat: MessageFormat<Uint8Array> = {
  blank(bytes) {
    const message = new Uint8Array(bytes);
    for (let i = 0; i < Math.min(bytes, fillerPeriod); i++) message[i] = fillerByte(i);
    for (let done = fillerPeriod; done < bytes; done *= 2) message.copyWithin(done, 0, done);
    return message;
  },

  stamp(blank, sequence, mark) {
    putWord(blank, 0, sequence);
    blank[4] = mark;
    putWord(blank, blank.length - 4, checkOf(sequence, mark, blank.length));
    return blank;
  },

  check(message, bytes, sequence) {
    // What nearly every message is: to look costs no more than to take it, so that the mechanism is what is measured.
    if (
      message.length === bytes &&
      word(message, 0) === (sequence | 0) &&
      message[4] === plain &&
      !isSearched(sequence, bytes) &&
      word(message, bytes - 4) === checkOf(sequence, plain, bytes)
    )
      return plain;
    return examine(message, bytes, sequence);
  },

  numberOf: (message) => word(message, 0) >>> 0,
};

/** Makes an earlier message, or a blank, the same as another of its length: copies what {@link MessageFormat.stamp} changes. */
export function copyStamp(from: Uint8Array, to: Uint8Array): void {
  putWord(to, 0, word(from, 0));
  to[4] = from[4] ?? 0;
  putWord(to, from.length - 4, word(from, from.length - 4));
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const numberEnd = 8;
const markEnd = numberEnd + 1;

export const textFormat: MessageFormat<string> = {
  blank: (bytes) => 'abcdefghijklmnopqrstuvwxyz'.repeat(Math.ceil(bytes / 26)).slice(0, bytes),

  stamp(blank, sequence, mark) {
    return `${hex(sequence)}${mark}${blank.slice(markEnd, -8)}${hex(checkOf(sequence, mark, blank.length))}`;
  },

  check(message, bytes, sequence) {
    if (message.length !== bytes)
      throw new DamagedMessage(sequence, bytes, `it has ${message.length} characters`);
    const number = message.slice(0, numberEnd);
    if (number !== hex(sequence)) throw new DamagedMessage(sequence, bytes, `it is message 0x${number}`);
    const mark = toMark(Number(message[numberEnd]), sequence, bytes);
    if (message.slice(-8) !== hex(checkOf(sequence, mark, bytes))) {
      throw new DamagedMessage(sequence, bytes, 'its last word is wrong');
    }
    const isWhole = mark !== Mark.plain || isSearched(sequence, bytes);
    if (isWhole && message.slice(markEnd, -8) !== this.blank(bytes).slice(markEnd, -8)) {
      throw new DamagedMessage(sequence, bytes, 'its filler is wrong');
    }
    return mark;
  },

  numberOf: (message) => Number.parseInt(message.slice(0, numberEnd), 16),
};
