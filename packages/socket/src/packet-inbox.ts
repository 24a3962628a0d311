import { giveLarge, ownedMemory, ownedSlice, takeLarge } from '@ipc/core';
import * as native from '@ipc/native';

/** The most that comes with one system call, and what they may take together if each is as long as can be. */
const [mostPackets, mostBytes] = [32, 8 << 20];

/** From this size a packet fills the cache rather than a system call the time. */
const largeBytes = 8 << 10;

const nothing = new Uint8Array(0);

/** Of the processor's cache. */
const lineBytes = 64;

/** Buffers kept for reuse, of whatever slot size was used last. Untouched pages of a slot cost no memory. */
const keptBuffers = 4;
let spare: Uint8Array[] = [];

/**
 * Packets that have come: what waits in the kernel is fetched with one `recvmmsg`, up to 32 at a time, and handed out one by
 * one. A large one that its receiver will own comes straight to where it stays, if it is about as long as the one before it.
 * An inbox that has nothing to hand out holds no memory.
 */
export class PacketInbox {
  readonly #fd: number;
  readonly #headerBytes: number;
  readonly #maxPacketBytes: number;
  readonly #slotBytes: number;
  readonly #lengths: Int32Array;
  readonly #oneLength: Int32Array;
  /** The length of the last packet if it was large, as the next may be: one at a time, into memory that is warm, or its own. */
  #expectedBytes = 0;
  /** The last packet went to a receiver that owns it, as the next may. */
  #isOwned = false;
  #asked = 0;
  #buffer: Uint8Array | undefined;
  /** Where the only packet begins, as far as it fits, `#padBytes` from the start. */
  #own: Uint8Array | undefined;
  /** In front of a packet in memory of its own, so that its message is aligned. */
  readonly #padBytes: number;
  #count = 0;
  #next = 0;

  /** @param maxMessageBytes - A packet that is longer than this and its header has the length -1. */
  constructor(fd: number, headerBytes: number, maxMessageBytes: number) {
    this.#fd = fd;
    this.#headerBytes = headerBytes;
    this.#padBytes = -headerBytes & 7;
    this.#maxPacketBytes = headerBytes + maxMessageBytes;
    this.#slotBytes = slotBytesFor(this.#maxPacketBytes);
    this.#lengths = new Int32Array(
      Math.max(1, Math.min(mostPackets, Math.floor(mostBytes / this.#slotBytes))),
    );
    this.#oneLength = this.#lengths.subarray(0, 1);
  }

  /** Packets that can be taken without asking the kernel. */
  get length(): number {
    return this.#count - this.#next;
  }

  /** Asks the kernel, when nothing is left. Returns how many have come, -1 for none. @throws Errno errors of `receiveMessages`. */
  fill(): number {
    this.#buffer ??= takeSlots(this.#lengths.length * this.#slotBytes);
    this.#next = 0;
    this.#count = 0;
    const expectedBytes = this.#expectedBytes;
    const lengths = expectedBytes > 0 ? this.#oneLength : this.#lengths;
    if (expectedBytes > 0 && this.#isOwned) this.#own ??= takeLarge(this.#padBytes + expectedBytes);
    this.#asked = lengths.length;
    const front = this.#own?.subarray(this.#padBytes);
    const count = native.receiveMessages(this.#fd, this.#buffer, this.#slotBytes, lengths, front);
    if (count === -1) {
      this.clear();
    } else {
      this.#count = count;
      const lastBytes = lengths[count - 1] ?? 0;
      this.#expectedBytes = lastBytes >= largeBytes ? lastBytes : 0;
    }
    return count;
  }

  /** Whether the last `fill` took all there was. */
  get isDry(): boolean {
    return this.#count < this.#asked;
  }

  /** The length of the next packet, -1 when it was cut off; `take` it afterwards. */
  get nextLength(): number {
    const length = this.#lengths[this.#next] ?? -1;
    return length <= this.#maxPacketBytes ? length : -1;
  }

  /** The first byte of the next packet. */
  get nextKind(): number {
    if (this.#own !== undefined) return this.#own[this.#padBytes] ?? -1;
    return this.#buffer?.[this.#next * this.#slotBytes] ?? -1;
  }

  /** The message of the next packet, as a view that is valid until the next call. */
  take(): Uint8Array {
    this.#isOwned = false;
    if (this.#own !== undefined) return this.#takeFrom(this.#own);
    const start = this.#next * this.#slotBytes;
    const message = (this.#buffer ?? nothing).subarray(start + this.#headerBytes, start + this.nextLength);
    this.#next++;
    return message;
  }

  /** As `take`, in memory of its own. */
  takeOwn(): Uint8Array {
    this.#isOwned = true;
    if (this.#own !== undefined) return this.#takeFrom(this.#own);
    const start = this.#next * this.#slotBytes;
    const message = ownedSlice(this.#buffer ?? nothing, start + this.#headerBytes, start + this.nextLength);
    this.#next++;
    return message;
  }

  /** Passes over the next packet. */
  skip(): void {
    this.#next++;
    this.#giveOwn();
  }

  /** Drops what is left. */
  clear(): void {
    if (this.#buffer !== undefined) giveSlots(this.#buffer);
    this.#buffer = undefined;
    this.#giveOwn();
    this.#count = this.#next = 0;
  }

  #giveOwn(): void {
    if (this.#own === undefined) return;
    giveLarge(this.#own);
    this.#own = undefined;
  }

  /** The only packet. One that is longer than expected, or far shorter, is copied: a message is not to hold much more than itself. */
  #takeFrom(own: Uint8Array): Uint8Array {
    const start = this.#padBytes + this.#headerBytes;
    const end = this.#padBytes + this.nextLength;
    this.#next++;
    this.#own = undefined;
    if (end <= own.length && 2 * end >= own.length) return own.subarray(start, end);
    const message = ownedMemory(end - start);
    message.set(own.subarray(start, end));
    if (end > own.length)
      message.set((this.#buffer ?? nothing).subarray(0, end - own.length), own.length - start);
    giveLarge(own);
    return message;
  }
}

/** An odd number of cache lines: were it a power of two, the starts of all slots would share a few lines of the cache. */
function slotBytesFor(maxPacketBytes: number): number {
  return (Math.ceil(maxPacketBytes / lineBytes) | 1) * lineBytes;
}

function takeSlots(bytes: number): Uint8Array {
  const kept = spare.pop();
  return kept?.length === bytes ? kept : new Uint8Array(bytes);
}

function giveSlots(buffer: Uint8Array): void {
  if (spare[0]?.length !== buffer.length) spare = [];
  if (spare.length < keptBuffers) spare.push(buffer);
}
