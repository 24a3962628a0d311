/**
 * The thread a party runs on: `@ipc/native`, `node:fs` and the rest of Node that `@ipc/sync` uses, over the modelled kernel,
 * and an event loop.
 *
 * Time does not pass. A wait of `sliceMs` and more is for ever: nothing may depend on waking up by the clock. A wait of a
 * millisecond or two is a nap: it ends when anybody else has changed anything, and only then, so that a loop of naps in
 * which nothing happens is found to be one. A wait in between may end at any time.
 */
import { touches } from './footprint.ts';
import { Frames } from './frames.ts';
import { party, type Step } from './party.ts';
import { wordOf } from './shared-memory.ts';
import type { Kernel } from './kernel.ts';
import { restlessNaps, type World } from './world.ts';

const napMs = 5;
const sliceMs = 100;

const POLLIN = 1;
const POLLERR = 8;
const READABLE = 1;
const DISCONNECT = 4;
const O_RDWR = 2;
const O_WRONLY = 1;

interface Watch {
  readonly fd: number;
  readonly onReady: (readiness: number) => void;
  events: number;
  closed: boolean;
}

type Task = () => void;

/** What one run of a party has on its event loop. Reset by {@link startThread}. */
interface Thread {
  watches: Watch[];
  microtasks: Task[];
  immediates: Task[];
  naps: Map<number, Task>;
  timers: number;
  ids: number;
}

let thread: Thread = newThread();

function newThread(): Thread {
  return { watches: [], microtasks: [], immediates: [], naps: new Map(), timers: 0, ids: 0 };
}

/** Before a run of a party: an event loop with nothing on it. */
export function startThread(): void {
  thread = newThread();
}

/** Remembers by what calls leave, not by whole histories. @param variables - Those of instrumented modules. */
export function remember(variables: readonly (() => unknown)[]): void {
  const around = (): unknown =>
    thread.microtasks.length > 0 || thread.immediates.length > 0 ? undefined : loopState();
  party().remember(new Frames(variables, around));
}

/** Local state of the event loop, for {@link Party.settle}. */
export function loopState(): unknown {
  return [
    thread.watches.filter(({ closed }) => !closed).map(({ fd, events }) => [fd, events]),
    thread.naps.size,
  ];
}

function system<Value>(name: string, make: (kernel: Kernel, index: number) => Value, reads = false): Value {
  const known = party().recall();
  if (known !== undefined) return known.value as Value;
  const { index } = party();
  return party().step({
    name,
    reads,
    make: (world) => make(reads ? world.kernel : world.entered(), index),
  }) as Value;
}

function isPatient(world: World, index: number): boolean {
  return (world.naps[index] ?? 0) >= restlessNaps;
}

/** Waits until something else has changed, once for each call. */
function nap(name: string): void {
  const { index } = party();
  party().step({
    name,
    reads: true,
    ways: (world) => (world.mayLookAgain(index) ? ['looks again'] : []),
    isPatient: (world) => isPatient(world, index),
    make: (world) => {
      world.wake(index);
    },
  });
}

/** `@ipc/native`. */
export const native: Readonly<Record<string, unknown>> = {
  POLLIN,
  READABLE,
  DISCONNECT,
  affinity: () => [0],
  threadId: () => party().index + 100,
  mkfifo: (path: string) => {
    system(`mkfifo ${path}`, (kernel) => {
      kernel.makeFifo(path);
    });
  },
  read: (fd: number) => {
    const bytes = system(`read ${fd}`, (kernel, index) => kernel.read(index, fd));
    return bytes === 0 ? -1 : bytes;
  },
  write: (fd: number) => (system(`write ${fd}`, (kernel, index) => kernel.write(index, fd)) ? 1 : -1),
  ofdLock: (fd: number, kind: 'shared' | 'exclusive' | 'unlock', start: number, length: number) =>
    system(`ofdLock ${kind} ${start}+${length}`, (kernel, index) =>
      kernel.lock(index, fd, kind, start, length),
    ),
  ofdHolder: (fd: number, kind: 'shared' | 'exclusive', start: number, length: number) =>
    system(
      `ofdHolder ${start}+${length}`,
      (kernel, index) => kernel.isLocked(index, fd, kind, start, length),
      true,
    ),
  futexWait,
  futexWake: (words: Int32Array, index: number, count: number) =>
    system(`futexWake ${wordOf(words, index)}`, (kernel) => kernel.wake(wordOf(words, index), count)),
  poll: (fds: Int32Array, events: Int16Array, revents: Int16Array, timeoutMs: number) =>
    poll(fds, events, revents, timeoutMs),
  watch: (fd: number, onReady: (readiness: number) => void) => {
    const watch: Watch = { fd, onReady, events: 0, closed: false };
    thread.watches.push(watch);
    return {
      update: (bits: number) => {
        watch.events = bits;
      },
      close: () => {
        watch.closed = true;
      },
      ref: () => undefined,
      unref: () => undefined,
    };
  },
};

function futexWait(words: Int32Array, index: number, expected: number, timeoutMs: number): string {
  const word = wordOf(words, index);
  if (timeoutMs >= 0 && timeoutMs < sliceMs) {
    // Whether the word has changed meanwhile is in the nap: a change by anybody ends it.
    nap('futexWait');
    return 'timed-out';
  }
  const { index: own } = party();
  const sleeps = party().step({
    name: `futexWait ${word} ${expected}`,
    make: (world) => {
      touches(word, 'reads');
      if (world.memory[word] !== expected) return false;
      world.entered().sleep(own, word);
      return true;
    },
  }) as boolean;
  if (!sleeps) return 'changed';
  party().step({
    name: `asleep on ${word}`,
    reads: true,
    ways: ({ kernel }) => (kernel.isAsleep(own) ? [] : ['woken']),
    make: () => undefined,
  });
  return 'woken';
}

function readiness(kernel: Kernel, index: number, fd: number, wantsIn: boolean): number {
  return (wantsIn && kernel.isReadable(index, fd) ? POLLIN : 0) | (kernel.isBroken(index, fd) ? POLLERR : 0);
}

function poll(fds: Int32Array, events: Int16Array, revents: Int16Array, timeoutMs: number): number {
  const { index } = party();
  const wanted = Array.from(fds, (fd, at) => [fd, ((events[at] ?? 0) & POLLIN) !== 0] as const);
  const look = ({ kernel }: World): number[] =>
    wanted.map(([fd, wantsIn]) => readiness(kernel, index, fd, wantsIn));
  const isNap = timeoutMs > 0 && timeoutMs <= napMs;
  const step: Step = {
    name: `poll ${wanted.map(([fd]) => fd).join(' ')} for ${timeoutMs < 0 || timeoutMs >= sliceMs ? 'ever' : `${timeoutMs} ms`}`,
    reads: true,
    ways: (world) => {
      if (look(world).some((bits) => bits !== 0)) return ['ready'];
      if (timeoutMs === 0) return ['nothing'];
      if (isNap) return world.mayLookAgain(index) ? ['looks again'] : [];
      return timeoutMs < 0 || timeoutMs >= sliceMs ? [] : ['timed out'];
    },
    isPatient: (world) => isNap && isPatient(world, index) && look(world).every((bits) => bits === 0),
    make: (world) => {
      const found = look(world);
      if (isNap && found.every((bits) => bits === 0)) world.wake(index);
      return found;
    },
  };
  const found = party().step(step) as number[];
  for (const [at, bits] of found.entries()) revents[at] = bits;
  return found.filter((bits) => bits !== 0).length;
}

/** `node:fs`. */
export const fs: Readonly<Record<string, unknown>> = {
  constants: { O_RDWR, O_WRONLY, O_NONBLOCK: 0o4000 },
  openSync: (path: string, flags: number) =>
    system(`open ${path}`, (kernel, index) =>
      kernel.open(index, path, (flags & 3) !== O_WRONLY, (flags & 3) !== 0),
    ),
  closeSync: (fd: number) => {
    system(`close ${fd}`, (kernel, index) => {
      kernel.close(index, fd);
    });
  },
  renameSync: (from: string, to: string) => {
    system(`rename ${from}`, (kernel) => {
      kernel.rename(from, to);
    });
  },
  unlinkSync: (path: string) => {
    system(`unlink ${path}`, (kernel) => {
      kernel.unlink(path);
    });
  },
  readdirSync: (path: string) =>
    system(
      `readdir ${path}`,
      (kernel) => kernel.names(`${path}/`).map((name) => name.slice(path.length + 1)),
      true,
    ),
  fstatSync: () => ({ mode: 0o100600, nlink: 1 }),
  fchmodSync: () => undefined,
  readFileSync: () => '1 (node) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 4711 0',
};

/** `node:os`: one processor, on which nobody spins. */
export const os: Readonly<Record<string, unknown>> = { availableParallelism: () => 1 };

/** `node:crypto`: the ids of bells, one per party. */
export const crypto: Readonly<Record<string, unknown>> = {
  randomBytes: (count: number) => Buffer.alloc(count, party().index + 1 + 16 * thread.ids++),
};

/** Timers and promises of this event loop. */
export const loopGlobals: Readonly<Record<string, unknown>> = {
  process: { pid: 1 },
  performance: { now: () => 0 },
  queueMicrotask: (task: Task) => {
    thread.microtasks.push(task);
  },
  setImmediate: (task: Task) => {
    thread.immediates.push(task);
  },
  setTimeout: (task: Task, ms: number) => {
    if (ms > napMs) throw new Error(`a timer of ${ms} ms is not modelled`);
    thread.naps.set(++thread.timers, task);
    return thread.timers;
  },
  clearTimeout: (id: number | undefined) => {
    if (id !== undefined) thread.naps.delete(id);
  },
};

/** Runs the event loop until `isDone`. */
export function runLoop(isDone: () => boolean, settle: () => void): void {
  const { index } = party();
  for (;;) {
    runMicrotasks();
    const immediates = thread.immediates.splice(0);
    for (const task of immediates) {
      task();
      runMicrotasks();
    }
    if (isDone()) return;
    if (immediates.length > 0) continue;
    settle();
    const watches = thread.watches.filter(({ closed, events }) => !closed && events !== 0);
    const wanted = watches.map(({ fd, events }) => [fd, (events & READABLE) !== 0] as const);
    const napping = thread.naps.size > 0;
    const look = ({ kernel }: World): number[] =>
      wanted.map(([fd, wantsIn]) => readiness(kernel, index, fd, wantsIn));
    const found = party().step({
      name: `event loop ${watches.map(({ fd }) => fd).join(' ')}${napping ? ', napping' : ''}`,
      reads: true,
      ways: (world) => {
        if (look(world).some((bits) => bits !== 0)) return ['ready'];
        return napping && world.mayLookAgain(index) ? ['timer'] : [];
      },
      isPatient: (world) => napping && isPatient(world, index) && look(world).every((bits) => bits === 0),
      make: (world) => {
        const bits = look(world);
        if (bits.every((each) => each === 0)) world.wake(index);
        return bits;
      },
    }) as number[];
    if (found.every((bits) => bits === 0)) {
      const due = [...thread.naps.values()];
      thread.naps.clear();
      for (const task of due) {
        task();
        runMicrotasks();
      }
    }
    for (const [at, bits] of found.entries()) {
      const watch = watches[at] as Watch;
      if (bits === 0 || watch.closed || watch.events === 0) continue;
      watch.onReady(((bits & POLLIN) !== 0 ? READABLE : 0) | ((bits & POLLERR) !== 0 ? DISCONNECT : 0));
      runMicrotasks();
    }
  }
}

function runMicrotasks(): void {
  for (let task = thread.microtasks.shift(); task !== undefined; task = thread.microtasks.shift()) task();
}

type Settled<Value> = { readonly value: Value } | { readonly error: unknown };

/** As much of `Promise` as locks use, on this event loop: its callbacks run where `runMicrotasks` is. */
export class LoopPromise<Value> {
  #settled: Settled<Value> | undefined;
  readonly #callbacks: Task[] = [];

  constructor(start: (resolve: (value: Value) => void, reject: (error: unknown) => void) => void) {
    const settle = (settled: Settled<Value>): void => {
      if (this.#settled !== undefined) return;
      this.#settled = settled;
      thread.microtasks.push(...this.#callbacks);
    };
    start(
      (value) => {
        settle({ value });
      },
      (error) => {
        settle({ error });
      },
    );
  }

  static resolve<Value>(value: Value): LoopPromise<Value> {
    return new LoopPromise((resolve) => {
      resolve(value);
    });
  }

  static reject(error: unknown): LoopPromise<never> {
    return new LoopPromise((_, reject) => {
      reject(error);
    });
  }

  /** Unlike the real one it makes no new promise: nothing here chains. */
  then(onValue: ((value: Value) => void) | undefined, onError?: (error: unknown) => void): void {
    const callback = (): void => {
      const settled = this.#settled as Settled<Value>;
      if ('error' in settled) onError?.(settled.error);
      else onValue?.(settled.value);
    };
    if (this.#settled === undefined) this.#callbacks.push(callback);
    else thread.microtasks.push(callback);
  }

  catch(onError: (error: unknown) => void): void {
    this.then(undefined, onError);
  }
}
