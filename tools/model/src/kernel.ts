/**
 * The kernel's objects that the algorithms lean on, as plain data: FIFOs and sockets (as mailboxes that hold bytes and
 * know whether anybody still reads), and locks of open file descriptions. Each method is one indivisible step.
 *
 * A process that dies closes its descriptors one after the other, and others run in between: {@link Kernel.reap}.
 */

/** An open file description. `fifo` is the name under which the mailbox is known; '' for the lock file. */
interface Description {
  readonly party: number;
  readonly fd: number;
  fifo: string;
  readonly reads: boolean;
  readonly writes: boolean;
}

interface Lock {
  readonly party: number;
  readonly fd: number;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
}

/** A thread that sleeps on a futex. */
interface FutexSleep {
  readonly party: number;
  readonly word: number;
}

/** A failed system call, as `@ipc/native` and `node:fs` report it. */
class SystemError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Bytes a mailbox holds; more would only enlarge the state space. */
const capacity = 2;
/** The descriptor under which every party has the shared file. */
export const FILE = 3;

export class Kernel {
  /** Bytes in each FIFO that has a name. */
  readonly #fifos: Map<string, number>;
  readonly #open: Description[];
  #locks: Lock[];
  #sleeps: FutexSleep[];
  /** Asked for when nothing changes any more. */
  #text: string | undefined;

  private constructor(fifos: Map<string, number>, open: Description[], locks: Lock[], sleeps: FutexSleep[]) {
    this.#fifos = fifos;
    this.#open = open;
    this.#locks = locks;
    this.#sleeps = sleeps;
  }

  static of(parties: number): Kernel {
    return new Kernel(
      new Map(),
      Array.from({ length: parties }, (_, party) => ({
        party,
        fd: FILE,
        fifo: '',
        reads: true,
        writes: true,
      })),
      [],
      [],
    );
  }

  copy(): Kernel {
    return new Kernel(
      new Map(this.#fifos),
      this.#open.map((description) => ({ ...description })),
      this.#locks.slice(),
      this.#sleeps.slice(),
    );
  }

  /** All of it, for comparing states. */
  get text(): string {
    return (this.#text ??= JSON.stringify([[...this.#fifos], this.#open, this.#locks, this.#sleeps]));
  }

  makeFifo(path: string): void {
    if (this.#fifos.has(path)) throw new SystemError('EEXIST');
    this.#fifos.set(path, 0);
  }

  rename(from: string, to: string): void {
    const bytes = this.#fifos.get(from);
    if (bytes === undefined) throw new SystemError('ENOENT');
    this.#fifos.delete(from);
    this.#fifos.set(to, bytes);
    for (const description of this.#open) if (description.fifo === from) description.fifo = to;
  }

  unlink(path: string): void {
    if (!this.#fifos.delete(path)) throw new SystemError('ENOENT');
    // Open descriptions keep an unlinked FIFO alive, under a name nobody can open.
    if (this.#open.some(({ fifo }) => fifo === path)) {
      const gone = `${path} (deleted)`;
      this.#fifos.set(gone, 0);
      for (const description of this.#open) if (description.fifo === path) description.fifo = gone;
    }
  }

  names(prefix: string): string[] {
    return [...this.#fifos.keys()].filter((path) => path.startsWith(prefix) && !path.endsWith(' (deleted)'));
  }

  /** The shared file, or a FIFO. A FIFO that nobody reads cannot be opened for writing alone. */
  open(party: number, path: string, reads: boolean, writes: boolean): number {
    const isFile = path.startsWith('/proc/self/fd/');
    if (!isFile) {
      if (!this.#fifos.has(path)) throw new SystemError('ENOENT');
      if (!reads && !this.#hasReader(path)) throw new SystemError('ENXIO');
    }
    return this.#add(party, isFile ? '' : path, reads, writes);
  }

  /** One end of a line between two parties: a mailbox made by the first who attaches to it. */
  attach(party: number, mailbox: string, reads: boolean): number {
    if (!this.#fifos.has(mailbox)) this.#fifos.set(mailbox, 0);
    return this.#add(party, mailbox, reads, !reads);
  }

  close(party: number, fd: number): void {
    const { fifo } = this.#find(party, fd);
    this.#open.splice(
      this.#open.findIndex((other) => other.party === party && other.fd === fd),
      1,
    );
    this.#locks = this.#locks.filter((lock) => lock.party !== party || lock.fd !== fd);
    if (fifo.endsWith(' (deleted)') && !this.#open.some((other) => other.fifo === fifo))
      this.#fifos.delete(fifo);
  }

  /** True when the byte was written, false when there is no room. */
  write(party: number, fd: number): boolean {
    const { fifo } = this.#find(party, fd);
    if (!this.#hasReader(fifo)) throw new SystemError('EPIPE');
    const bytes = this.#fifos.get(fifo) ?? 0;
    if (bytes >= capacity) return false;
    this.#fifos.set(fifo, bytes + 1);
    return true;
  }

  /** Takes everything; how many bytes that was. */
  read(party: number, fd: number): number {
    const { fifo } = this.#find(party, fd);
    const bytes = this.#fifos.get(fifo) ?? 0;
    this.#fifos.set(fifo, 0);
    return bytes;
  }

  /** Whether bytes can be read. */
  isReadable(party: number, fd: number): boolean {
    const { fifo, reads } = this.#find(party, fd);
    return reads && (this.#fifos.get(fifo) ?? 0) > 0;
  }

  /** Whether nobody is left who could write. */
  isEnded(party: number, fd: number): boolean {
    const { fifo } = this.#find(party, fd);
    return !this.#open.some((description) => description.writes && description.fifo === fifo);
  }

  /** Whether the reader at the other end is gone: POLLERR on a FIFO's writing end. */
  isBroken(party: number, fd: number): boolean {
    const { fifo, writes } = this.#find(party, fd);
    return writes && !this.#hasReader(fifo);
  }

  /** F_OFD_SETLK. */
  lock(
    party: number,
    fd: number,
    kind: 'shared' | 'exclusive' | 'unlock',
    start: number,
    length: number,
  ): boolean {
    const end = length === 0 ? Infinity : start + length;
    if (kind !== 'unlock' && this.isLocked(party, fd, kind, start, length)) return false;
    this.#locks = this.#locks.flatMap((lock) => {
      if (lock.party !== party || lock.fd !== fd || lock.end <= start || lock.start >= end) return [lock];
      return [
        { ...lock, end: start },
        { ...lock, start: end },
      ].filter((rest) => rest.start < rest.end);
    });
    if (kind !== 'unlock') this.#locks.push({ party, fd, exclusive: kind === 'exclusive', start, end });
    return true;
  }

  /** F_OFD_GETLK: whether another open file description's lock is in the way. */
  isLocked(party: number, fd: number, kind: 'shared' | 'exclusive', start: number, length: number): boolean {
    this.#find(party, fd);
    const end = length === 0 ? Infinity : start + length;
    return this.#locks.some(
      (lock) =>
        (lock.party !== party || lock.fd !== fd) &&
        (lock.exclusive || kind === 'exclusive') &&
        lock.start < end &&
        start < lock.end,
    );
  }

  /** FUTEX_WAIT, after the comparison. */
  sleep(party: number, word: number): void {
    this.#sleeps.push({ party, word });
  }

  /** A signal, a time-out, or death. */
  stopSleeping(party: number): void {
    this.#sleeps = this.#sleeps.filter((sleep) => sleep.party !== party);
  }

  isAsleep(party: number): boolean {
    return this.#sleeps.some((sleep) => sleep.party === party);
  }

  /** FUTEX_WAKE: those who have slept longest first. Returns how many. */
  wake(word: number, count: number): number {
    const woken = this.#sleeps.filter((sleep) => sleep.word === word).slice(0, count);
    this.#sleeps = this.#sleeps.filter((sleep) => !woken.includes(sleep));
    return woken.length;
  }

  /** Descriptors of a dead process that somebody could still notice. */
  remains(party: number): number[] {
    return this.#open
      .filter(
        (description) =>
          description.party === party &&
          (description.fifo !== '' ||
            this.#locks.some((lock) => lock.party === party && lock.fd === description.fd)),
      )
      .map(({ fd }) => fd);
  }

  #add(party: number, fifo: string, reads: boolean, writes: boolean): number {
    let fd = FILE + 1;
    while (this.#open.some((other) => other.party === party && other.fd === fd)) fd++;
    this.#open.push({ party, fd, fifo, reads, writes });
    return fd;
  }

  #find(party: number, fd: number): Description {
    const found = this.#open.find((description) => description.party === party && description.fd === fd);
    if (found === undefined) throw new SystemError('EBADF');
    return found;
  }

  #hasReader(fifo: string): boolean {
    return this.#open.some((description) => description.reads && description.fifo === fifo);
  }
}
