import { ownedSlice } from '@ipc/core';
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
 * one. One that has nothing to hand out holds no memory.
 */
export class PacketInbox {
  readonly #fd: number;
  readonly #maxPacketBytes: number;
  readonly #slotBytes: number;
  readonly #lengths: Int32Array;
  readonly #oneLength: Int32Array;
  /** The last packet was large, so the next may be: one at a time, into memory that is warm. */
  #oneByOne = false;
  #asked = 0;
  #buffer: Uint8Array | undefined;
  #count = 0;
  #next = 0;

  /** @param maxPacketBytes - A longer one has the length -1. */
  constructor(fd: number, maxPacketBytes: number) {
    this.#fd = fd;
    this.#maxPacketBytes = maxPacketBytes;
    this.#slotBytes = slotBytesFor(maxPacketBytes);
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
    const lengths = this.#oneByOne ? this.#oneLength : this.#lengths;
    this.#asked = lengths.length;
    const count = native.receiveMessages(this.#fd, this.#buffer, this.#slotBytes, lengths);
    if (count === -1) {
      this.clear();
    } else {
      this.#count = count;
      this.#oneByOne = (lengths[count - 1] ?? 0) >= largeBytes;
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
    return this.#buffer?.[this.#next * this.#slotBytes] ?? -1;
  }

  /** The next packet from byte `from`, as a view that is valid until the next call. */
  take(from: number): Uint8Array {
    const start = this.#next * this.#slotBytes;
    const packet = (this.#buffer ?? nothing).subarray(start + from, start + this.nextLength);
    this.#next++;
    return packet;
  }

  /** As `take`, in memory of its own. */
  takeOwn(from: number): Uint8Array {
    const start = this.#next * this.#slotBytes;
    const packet = ownedSlice(this.#buffer ?? nothing, start + from, start + this.nextLength);
    this.#next++;
    return packet;
  }

  /** Drops what is left. */
  clear(): void {
    if (this.#buffer !== undefined) giveSlots(this.#buffer);
    this.#buffer = undefined;
    this.#count = this.#next = 0;
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
