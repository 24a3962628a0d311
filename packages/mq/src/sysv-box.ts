import { messageBox, type MessageBox } from '@ipc/native';
import { type CopySource, ownedCopy, setBytes } from '@ipc/shm';

/** Of the type, which lies before the bytes of a message. */
const typeBytes = 8;

/** Messages of a System V queue on their way in and out, by memory that the system calls know already. */
export class SysvBox {
  readonly #id: number;
  readonly #select: number;
  #box!: MessageBox;
  #memory!: CopySource;

  /** @param messageBytes - Of the longest message. @param select - As of `msgReceive`. @throws As `messageBox`. */
  constructor(id: number, messageBytes: number, select: number) {
    this.#id = id;
    this.#select = select;
    this.#open(messageBytes);
  }

  /** False when the queue is full. @throws As `msgSend`. Cost: one system call, two copies. */
  send(message: Uint8Array, type: number): boolean {
    const { words, bytes } = this.#memory;
    words[0] = type;
    words[1] = type / 2 ** 32;
    setBytes(bytes, message, typeBytes);
    return this.#box.send(message.length);
  }

  /** The next message, in memory of its own; `undefined` when there is none. @throws As `msgReceive`. Cost: as of `send`. */
  receive(): Uint8Array | undefined {
    const length = this.#take();
    return length < 0 ? undefined : ownedCopy(this.#memory, typeBytes, length);
  }

  /** Of the message received last. */
  get type(): number {
    const { words } = this.#memory;
    return (words[1] ?? 0) * 2 ** 32 + ((words[0] ?? 0) >>> 0);
  }

  /** One that was sent when `kernel.msgmax` was higher than now is longer than there is room for: it stays until there is. */
  #take(): number {
    for (;;) {
      try {
        return this.#box.receive();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'E2BIG') throw error;
        this.#open(2 * this.#memory.bytes.length);
      }
    }
  }

  #open(messageBytes: number): void {
    this.#box = messageBox(this.#id, (messageBytes + 7) & ~7, this.#select);
    const { memory } = this.#box;
    this.#memory = { bytes: new Uint8Array(memory), words: new Int32Array(memory) };
  }
}
