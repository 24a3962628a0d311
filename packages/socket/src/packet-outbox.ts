import { giveBuffer, noBuffer, POOLED_BYTES, takeBuffer } from '@ipc/core';
import * as native from '@ipc/native';

/** The most that goes with one system call. */
const mostPackets = 64;

/**
 * Packets on their way to the kernel: those of one turn of the event loop lie side by side in one pooled buffer and leave
 * with one `sendmmsg`. An idle one holds no memory.
 */
export class PacketOutbox {
  readonly #fd: number;
  #buffer = noBuffer;
  readonly #ends = new Int32Array(mostPackets);
  #count = 0;
  #sent = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get pendingBytes(): number {
    return (
      this.#end() - (this.#sent === 0 ? 0 : (this.#ends[this.#sent - 1] ?? 0)) + this.#count - this.#sent
    );
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Adds a packet: the bytes of `head`, then those of `message`. False when it does not fit any more. */
  push(head: Uint8Array, message: Uint8Array): boolean {
    const start = this.#end();
    const end = start + head.length + message.length;
    if (this.#count === mostPackets || end > POOLED_BYTES) return false;
    if (this.#buffer === noBuffer) this.#buffer = takeBuffer();
    for (let i = 0; i < head.length; i++) this.#buffer[start + i] = head[i] ?? 0; // a byte at most
    this.#buffer.set(message, start + head.length);
    this.#ends[this.#count++] = end;
    return true;
  }

  /** Sends until the kernel has no room. True when everything is out. @throws Errno errors of `sendMessages`. */
  flush(): boolean {
    while (this.#sent < this.#count) {
      const sent = native.sendMessages(this.#fd, this.#buffer, this.#ends, this.#sent, this.#count);
      if (sent === -1) return false;
      this.#sent += sent;
    }
    this.clear();
    return true;
  }

  clear(): void {
    giveBuffer(this.#buffer);
    this.#buffer = noBuffer;
    this.#count = this.#sent = 0;
  }

  #end(): number {
    return this.#count === 0 ? 0 : (this.#ends[this.#count - 1] ?? 0);
  }
}
