/**
 * The kernel's objects that the algorithms lean on, as plain data: FIFOs and sockets (as mailboxes that hold bytes and
 * know whether anybody still reads), and locks of open file descriptions. Each method is one indivisible step.
 *
 * A process that dies closes its descriptors one after the other, and others run in between: {@link Kernel.reap}.
 *
 * Each method says what it touches (footprint.ts): names of FIFOs, lines of the lock file, sleepers.
 */
import { touches } from './footprint.ts';
import { hashOfText, type Hash } from './hash.ts';

/** An open file description. `fifo` is the name under which the mailbox is known; '' for the lock file. */
interface Description {
  readonly party: number;
  readonly fd: number;
  readonly fifo: string;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly hash: Hash;
}

interface Lock {
  readonly party: number;
  readonly fd: number;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
  readonly hash: Hash;
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
/** As many participants as a structure can have, each with a line of its own. */
const MOST_LINES = 256;

export class Kernel {
  /** Bytes in each FIFO that has a name. */
  readonly #fifos: Map<string, number>;
  #open: Description[];
  #locks: Lock[];
  #sleeps: FutexSleep[];
  /** Asked for when nothing changes any more. */
  #hash: Hash | undefined;

  private constructor(fifos: Map<string, number>, open: Description[], locks: Lock[], sleeps: FutexSleep[]) {
    this.#fifos = fifos;
    this.#open = open;
    this.#locks = locks;
    this.#sleeps = sleeps;
  }

  static of(parties: number): Kernel {
    return new Kernel(
      new Map(),
      Array.from({ length: parties }, (_, party) =>
        hashed({ party, fd: FILE, fifo: '', reads: true, writes: true }),
      ),
      [],
      [],
    );
  }

  copy(): Kernel {
    return new Kernel(new Map(this.#fifos), this.#open.slice(), this.#locks.slice(), this.#sleeps.slice());
  }

  /** Of all of it: in whatever order the calls came, but for that of sleepers, who are woken in theirs. */
  get hash(): Hash {
    if (this.#hash !== undefined) return this.#hash;
    const fifos = Array.from(this.#fifos, ([name, bytes]) => hashOfFifo(name, bytes));
    const sleeps = hashOfText(this.#sleeps.map(({ party, word }) => `${party} ${word};`).join(''));
    const all = [
      ...fifos,
      ...this.#open.map(({ hash }) => hash),
      ...this.#locks.map(({ hash }) => hash),
      sleeps,
    ];
    this.#hash = all.reduce((sum, each) => [(sum[0] + each[0]) | 0, (sum[1] + each[1]) | 0]);
    return this.#hash;
  }

  makeFifo(path: string): void {
    touches(path, 'writes');
    touches('names', 'writes');
    if (this.#fifos.has(path)) throw new SystemError('EEXIST');
    this.#fifos.set(path, 0);
  }

  rename(from: string, to: string): void {
    const bytes = this.#fifos.get(from);
    if (bytes === undefined) throw new SystemError('ENOENT');
    for (const name of [from, to, 'names']) touches(name, 'writes');
    this.#fifos.delete(from);
    this.#fifos.set(to, bytes);
    this.#call(from, to);
  }

  unlink(path: string): void {
    touches(path, 'writes');
    touches('names', 'writes');
    if (!this.#fifos.delete(path)) throw new SystemError('ENOENT');
    // Open descriptions keep an unlinked FIFO alive, under a name nobody can open.
    if (this.#open.some(({ fifo }) => fifo === path)) {
      const gone = `${path} (deleted)`;
      this.#fifos.set(gone, 0);
      this.#call(path, gone);
    }
  }

  names(prefix: string): string[] {
    touches('names', 'reads');
    return [...this.#fifos.keys()]
      .filter((path) => path.startsWith(prefix) && !path.endsWith(' (deleted)'))
      .sort();
  }

  /** The shared file, or a FIFO. A FIFO that nobody reads cannot be opened for writing alone. */
  open(party: number, path: string, reads: boolean, writes: boolean): number {
    const isFile = path.startsWith('/proc/self/fd/');
    if (!isFile) {
      touches(path, reads ? 'writes' : 'reads');
      if (!this.#fifos.has(path)) throw new SystemError('ENOENT');
      if (!reads && !this.#hasReader(path)) throw new SystemError('ENXIO');
    }
    return this.#add(party, isFile ? '' : path, reads, writes);
  }

  /** One end of a line between two parties: a mailbox made by the first who attaches to it. */
  attach(party: number, mailbox: string, reads: boolean): number {
    touches(mailbox, 'writes');
    if (!this.#fifos.has(mailbox)) this.#fifos.set(mailbox, 0);
    return this.#add(party, mailbox, reads, !reads);
  }

  close(party: number, fd: number): void {
    const { fifo, reads, writes } = this.#find(party, fd);
    if (fifo !== '' && reads) touches(fifo, 'writes');
    if (fifo !== '' && writes) touches(`${fifo} writers`, 'adds');
    for (const lock of this.#locks) {
      if (lock.party === party && lock.fd === fd) touchLocks(lock.start, lock.end, 'writes');
    }
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
    touches(fifo, 'writes');
    if (!this.#hasReader(fifo)) throw new SystemError('EPIPE');
    const bytes = this.#fifos.get(fifo) ?? 0;
    if (bytes >= capacity) return false;
    this.#fifos.set(fifo, bytes + 1);
    return true;
  }

  /** Takes everything; how many bytes that was. */
  read(party: number, fd: number): number {
    const { fifo } = this.#find(party, fd);
    touches(fifo, 'writes');
    const bytes = this.#fifos.get(fifo) ?? 0;
    this.#fifos.set(fifo, 0);
    return bytes;
  }

  /** Whether bytes can be read. */
  isReadable(party: number, fd: number): boolean {
    const { fifo, reads } = this.#find(party, fd);
    touches(fifo, 'reads');
    return reads && (this.#fifos.get(fifo) ?? 0) > 0;
  }

  /** Whether nobody is left who could write. */
  isEnded(party: number, fd: number): boolean {
    const { fifo } = this.#find(party, fd);
    touches(`${fifo} writers`, 'reads');
    return !this.#open.some((description) => description.writes && description.fifo === fifo);
  }

  /** Whether the reader at the other end is gone: POLLERR on a FIFO's writing end. */
  isBroken(party: number, fd: number): boolean {
    const { fifo, writes } = this.#find(party, fd);
    touches(fifo, 'reads');
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
    touchLocks(start, end, 'writes');
    if (kind !== 'unlock' && this.isLocked(party, fd, kind, start, length)) return false;
    this.#locks = this.#locks.flatMap((lock) => {
      if (lock.party !== party || lock.fd !== fd || lock.end <= start || lock.start >= end) return [lock];
      return [
        { ...lock, end: start },
        { ...lock, start: end },
      ]
        .filter((rest) => rest.start < rest.end)
        .map(hashed);
    });
    if (kind !== 'unlock')
      this.#locks.push(hashed({ party, fd, exclusive: kind === 'exclusive', start, end }));
    return true;
  }

  /** F_OFD_GETLK: whether another open file description's lock is in the way. */
  isLocked(party: number, fd: number, kind: 'shared' | 'exclusive', start: number, length: number): boolean {
    this.#find(party, fd);
    const end = length === 0 ? Infinity : start + length;
    touchLocks(start, end, 'reads');
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
    touches(`asleep ${party}`, 'writes');
    touches(`futex ${word}`, 'writes');
    this.#sleeps.push({ party, word });
  }

  /** A signal, a time-out, or death. */
  stopSleeping(party: number): void {
    for (const sleep of this.#sleeps) {
      if (sleep.party !== party) continue;
      touches(`asleep ${party}`, 'writes');
      touches(`futex ${sleep.word}`, 'writes');
    }
    this.#sleeps = this.#sleeps.filter((sleep) => sleep.party !== party);
  }

  isAsleep(party: number): boolean {
    touches(`asleep ${party}`, 'reads');
    return this.#sleeps.some((sleep) => sleep.party === party);
  }

  /** FUTEX_WAKE: those who have slept longest first. Returns how many. */
  wake(word: number, count: number): number {
    const woken = this.#sleeps.filter((sleep) => sleep.word === word).slice(0, count);
    touches(`futex ${word}`, woken.length > 0 ? 'writes' : 'reads');
    for (const { party } of woken) touches(`asleep ${party}`, 'writes');
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
    if (fifo !== '' && writes) touches(`${fifo} writers`, 'adds');
    let fd = FILE + 1;
    while (this.#open.some((other) => other.party === party && other.fd === fd)) fd++;
    this.#open.push(hashed({ party, fd, fifo, reads, writes }));
    return fd;
  }

  /** Open descriptions follow a FIFO to its new name. */
  #call(from: string, to: string): void {
    this.#open = this.#open.map((each) => (each.fifo === from ? hashed({ ...each, fifo: to }) : each));
  }

  #find(party: number, fd: number): Description {
    const found = this.#open.find((description) => description.party === party && description.fd === fd);
    touches(`descriptor ${fd} of ${party}`, 'reads');
    if (found === undefined) throw new SystemError('EBADF');
    return found;
  }

  #hasReader(fifo: string): boolean {
    return this.#open.some((description) => description.reads && description.fifo === fifo);
  }
}

/** With the hash of what it says, of what kind it may be. */
function hashed<Fields extends object>(fields: Fields): Fields & { readonly hash: Hash } {
  return { ...fields, hash: hashOfText(JSON.stringify({ ...fields, hash: undefined })) };
}

/** The few there are, by how many bytes they hold. */
const fifoHashes: Map<string, Hash>[] = [];

function hashOfFifo(name: string, bytes: number): Hash {
  const known = (fifoHashes[bytes] ??= new Map<string, Hash>());
  let hash = known.get(name);
  if (hash === undefined) known.set(name, (hash = hashOfText(`${name} ${bytes}`)));
  return hash;
}

/** Locks are told apart by lines of 64 bytes. */
function touchLocks(start: number, end: number, how: 'reads' | 'writes'): void {
  const last = Math.min(end, start + MOST_LINES * 64) - 1;
  for (let line = start >> 6; line <= last >> 6; line++) touches(`lock of line ${line}`, how);
}
