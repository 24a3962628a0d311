import * as native from '@ipc/native';
import type { DescriptorsInFlight } from './descriptors-in-flight.ts';
import { letGo } from './let-go.ts';

/** A connected socket that keeps the bounds of messages, on the event loop. It owns its descriptor, which is closed with the thread, also with one that is terminated. */
export class PacketSocket {
  /** Level-triggered, as of `ByteStream`. Assigned by the owner. */
  onReady: (readable: boolean, writable: boolean) => void = () => undefined;
  readonly fd: number;
  /** `undefined` where none can be sent. While they are too many the socket is not writable, though it has room. */
  readonly inFlight: DescriptorsInFlight | undefined;
  readonly #watch: native.Watch;
  #readable = false;
  #writable = false;
  #closed = false;

  /** @throws As `native.watch`; `fd` then stays the caller's. */
  constructor(fd: number, inFlight?: DescriptorsInFlight) {
    this.fd = fd;
    this.inFlight = inFlight;
    if (inFlight !== undefined)
      inFlight.onRoom = () => {
        this.#update();
      };
    const onReady = (readiness: number): void => {
      if ((readiness & native.FAILED) !== 0) this.#update(); // a failure stops a watch; the next call tells what it was
      this.onReady((readiness & ~native.WRITABLE) !== 0, (readiness & ~native.READABLE) !== 0);
    };
    this.#watch = native.watch(fd, onReady);
    native.closeAtThreadExit(fd);
  }

  set readable(on: boolean) {
    if (on === this.#readable) return;
    this.#readable = on;
    this.#update();
  }

  set writable(on: boolean) {
    if (on === this.#writable) return;
    this.#writable = on;
    this.#update();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.inFlight?.close();
    this.#watch.close();
    letGo(this.fd);
  }

  #update(): void {
    if (this.#closed) return;
    this.#watch.update(
      (this.#readable ? native.READABLE : 0) |
        (this.#writable && this.inFlight?.isFull !== true ? native.WRITABLE : 0),
    );
  }
}
