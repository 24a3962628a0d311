import { checkName, frameChannel, type Closable } from '@ipc/core';
import { setNonBlocking } from '@ipc/native';
import type { Announcement, InheritedChannel } from './announcement.ts';
import { createPipe } from './capacity.ts';
import type { ChannelSpec, ChannelSpecs } from './channel-spec.ts';
import { checkFormat, receiverOver, senderOver } from './format.ts';
import { streamOn } from './stream-on.ts';
import { close } from './let-go.ts';

/** The descriptors of a child to be: which of its numbers is which pipe, and what stays here. */
export class DescriptorTable {
  /** The child's ends, by their number in the child. */
  readonly #far = new Map<number, number>();
  readonly #near: number[] = [];
  readonly #opens: [name: string, open: () => Closable][] = [];
  readonly #announcement: Record<string, InheritedChannel> = {};

  get announcement(): Announcement {
    return this.#announcement;
  }

  /** @throws {TypeError} The name, a spec, or two channels with the same number. @throws {RangeError} Limits. */
  addAll(specs: ChannelSpecs): void {
    const entries = Object.entries(specs);
    // Those with a number of their own first, so that the others find the free ones.
    for (const [name, spec] of entries) if (numberOf(spec) !== undefined) this.#add(checkName(name), spec);
    for (const [name, spec] of entries) if (numberOf(spec) === undefined) this.#add(checkName(name), spec);
  }

  /** For `spawn`: one entry for each number up to the highest. */
  stdio(output: 'inherit' | 'ignore'): (number | 'inherit' | 'ignore')[] {
    const count = Math.max(2, ...this.#far.keys()) + 1;
    return Array.from(
      { length: count },
      (_, fd) => this.#far.get(fd) ?? (fd === 1 || fd === 2 ? output : 'ignore'),
    );
  }

  /** The parent's ends as channels and halves, which own their descriptors. */
  open(): Readonly<Record<string, Closable>> {
    return Object.fromEntries(this.#opens.map(([name, open]) => [name, open()]));
  }

  closeNear(): void {
    this.#near.forEach(close);
  }

  closeFar(): void {
    for (const fd of this.#far.values()) close(fd);
  }

  #add(name: string, spec: ChannelSpec): void {
    const { direction = 'both', maxMessageBytes: most, gather } = spec;
    if (!['both', 'to-child', 'from-child'].includes(direction)) {
      throw new TypeError(`direction must be both, to-child or from-child, got ${direction}`);
    }
    const { format, maxMessageBytes } = checkFormat({
      maxMessageBytes: most,
      gather,
      format: 'format' in spec ? spec.format : 'frames',
    });
    const options = { format, maxMessageBytes };
    const to = direction === 'from-child' ? undefined : this.#toChild(spec);
    const from = direction === 'to-child' ? undefined : this.#fromChild(spec);
    this.#announcement[name] = { ...options, readFd: to?.number, writeFd: from?.number };
    this.#opens.push([
      name,
      () => {
        const stream = streamOn(from?.near ?? -1, to?.near ?? -1);
        if (from === undefined) return senderOver(stream, { ...options, gather });
        return to === undefined
          ? receiverOver(stream, options)
          : frameChannel(stream, { maxMessageBytes, gather });
      },
    ]);
  }

  #toChild(spec: ChannelSpec): { near: number; number: number } {
    const [readFd, writeFd] = createPipe(spec);
    return { near: writeFd, number: this.#place(writeFd, readFd, numberOf(spec)) };
  }

  #fromChild(spec: ChannelSpec): { near: number; number: number } {
    const [readFd, writeFd] = createPipe(spec);
    return { near: readFd, number: this.#place(readFd, writeFd, numberOf(spec)) };
  }

  #place(near: number, far: number, wanted: number | undefined): number {
    this.#near.push(near);
    let number = wanted ?? 3;
    if (wanted === undefined) while (this.#far.has(number)) number++;
    if (this.#far.has(number) || !Number.isInteger(number) || number < 0 || number > 255) {
      close(far);
      if (this.#far.has(number)) throw new TypeError(`two channels want the child's descriptor ${number}`);
      throw new RangeError(`fd must be an integer in 0..255, got ${number}`);
    }
    this.#far.set(number, far);
    setNonBlocking(far, false);
    return number;
  }
}

/** The number a spec asks for. */
function numberOf(spec: ChannelSpec): number | undefined {
  return 'fd' in spec ? spec.fd : undefined;
}
