import { frameChannel, isIpcError, type ByteStream } from '@ipc/core';
import type { Campaign } from '../campaign.ts';

/** Frames of one stream. */
const perStream = 2_000;
const maxMessageBytes = 100_000;

/** H5: streams of frames, cut anywhere, whole or damaged: what was whole arrives, and damage is a typed error. */
export const frameFuzz: Campaign = {
  name: 'frame-fuzz',
  what: 'so many frames, empty to 100 KB, through the decoder, cut at random; one stream in two has random bytes changed in it',
  rounds: 10_000_000,
  async run({ rounds, random }) {
    const violations: string[] = [];
    let [frames, delivered, corrupt, ended, mostBytes] = [0, 0, 0, 0, 0];
    for (let round = 0; frames < rounds; round++) {
      const bytes = encode(random, Math.min(perStream, rounds - frames));
      frames += Math.min(perStream, rounds - frames);
      const damage = round % 2 === 0 ? 0 : 1 + Math.floor(random() * 30);
      for (let n = 0; n < damage; n++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const channel = frameChannel(new CutStream(bytes, random), { maxMessageBytes });
      let expected = 0;
      const take = (message: Uint8Array): void => {
        delivered++;
        mostBytes = Math.max(mostBytes, message.length);
        if (damage === 0 && !isPattern(message, expected))
          violations.push(`stream ${round}: message ${expected}`);
        expected++;
      };
      try {
        for (;;) {
          if (round % 3 === 0) channel.drain(take, 1 + Math.floor(random() * 50));
          const message = await channel.receive();
          if (message === undefined) break;
          take(message);
        }
        ended++;
      } catch (error) {
        if (damage > 0 && isIpcError(error) && /CORRUPT|PEER_GONE/.test(error.code)) corrupt++;
        else violations.push(`stream ${round}: ${String(error)}`);
      }
      await channel.close();
      if (damage === 0 && expected !== Math.min(perStream, rounds - (frames - expected)))
        violations.push(`stream ${round}: ${expected} messages came`);
    }
    if (mostBytes > maxMessageBytes) violations.push(`a message of ${mostBytes} bytes`);
    return {
      figure: `${frames} frames sent, ${delivered} delivered; streams: ${ended} ended cleanly, ${corrupt} with a typed error`,
      violations,
    };
  },
};

/** Message `index` is that many bytes of a kind; nearly all are short. */
function encode(random: () => number, count: number): Uint8Array {
  const lengths = Array.from({ length: count }, () =>
    Math.floor(64 * random() ** 2 + maxMessageBytes * random() ** 4000),
  );
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + 4 + length, 4));
  const view = new DataView(bytes.buffer);
  let at = 0;
  lengths.forEach((length, index) => {
    view.setUint32(at, length, true);
    bytes.fill(index, at + 4, at + 4 + length);
    at += 4 + length;
  });
  view.setUint32(at, 0xffff_ffff, true);
  return bytes;
}

function isPattern(message: Uint8Array, index: number): boolean {
  return message.every((byte) => byte === (index & 255));
}

/** Bytes in pieces of random length, from none that is there to far more than a buffer. */
class CutStream implements ByteStream {
  onReady: (readable: boolean, writable: boolean) => void = () => undefined;
  readonly #bytes: Uint8Array;
  readonly #random: () => number;
  #at = 0;
  #isWanted = false;
  #isScheduled = false;
  #isClosed = false;

  constructor(bytes: Uint8Array, random: () => number) {
    this.#bytes = bytes;
    this.#random = random;
  }

  read(target: Uint8Array, offset: number, length: number): number {
    const draw = this.#random();
    if (draw < 0.1) return -1;
    const most = draw < 0.4 ? 7 : 200_000 * this.#random() ** 3;
    const count = Math.min(length, this.#bytes.length - this.#at, 1 + Math.floor(most));
    target.set(this.#bytes.subarray(this.#at, this.#at + count), offset);
    this.#at += count;
    return count;
  }

  readPair(target: Uint8Array, offset: number, second: Uint8Array, secondLength: number): number {
    const length = target.length - offset;
    const count = this.read(target, offset, length);
    return count < length ? count : count + Math.max(0, this.read(second, 0, secondLength));
  }

  write(_source: Uint8Array, _offset: number, length: number): number {
    return length;
  }

  writePair(_first: Uint8Array, firstLength: number, second: Uint8Array): number {
    return firstLength + second.length;
  }

  want(readable: boolean): void {
    this.#isWanted = readable;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed || !this.#isWanted) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#isClosed || !this.#isWanted) return;
      this.onReady(true, false);
      this.#schedule();
    });
  }
}
