/** Who gives up waiting, by an abort, a time-out or an early abort, leaves no trace in memory, whatever the lock is. */
import { setImmediate } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Barrier, Condition, Event, Latch, Lease, Mutex, Once, RwLock, Semaphore } from '@ipc/sync';
import { describe, expect, test } from 'vitest';
import { noLockLeaks } from './names.ts';

noLockLeaks();

const participants = 4;
const bytes = Mutex.bytes(participants);

interface Signalled {
  readonly signal?: AbortSignal;
}

/** A lock that is not to be had just now. */
interface Busy extends Disposable {
  wait(options?: Signalled): Promise<unknown>;
  /** Where there is a blocking spelling with a time-out. */
  waitSync?(options: { timeoutMs: number }): unknown;
  /** Lets whoever waits have it. */
  free(): void;
}

function busy(
  wait: Busy['wait'],
  waitSync: Busy['waitSync'],
  free: () => void,
  ...locks: Disposable[]
): Busy {
  return {
    wait,
    ...(waitSync === undefined ? {} : { waitSync }),
    free,
    [Symbol.dispose]: () => {
      for (const lock of locks) lock[Symbol.dispose]();
    },
  };
}

type Open = (region: Region) => Promise<Busy> | Busy;

function ofMutex(options: { fair?: boolean; recursive?: boolean }): Open {
  return (region) => {
    const [mine, other] = [
      Mutex.in(region, 0, { participants, ...options }),
      Mutex.in(region, 0, { participants, ...options }),
    ];
    const held = other.acquireSync();
    return busy(
      (signalled) => mine.acquire(signalled),
      (patience) => mine.acquireSync(patience),
      () => {
        held.release();
      },
      mine,
      other,
    );
  };
}

function ofSemaphore(options: { fair?: boolean }): Open {
  return (region) => {
    const all = { participants, permits: 2, ...options };
    const [mine, other] = [Semaphore.in(region, 0, all), Semaphore.in(region, 0, all)];
    const held = other.acquireSync();
    return busy(
      (signalled) => mine.acquire({ permits: 2, ...signalled }),
      (patience) => mine.acquireSync({ permits: 2, ...patience }),
      () => {
        held.release();
      },
      mine,
      other,
    );
  };
}

function ofRwLock(mode: 'shared' | 'exclusive', options: { fair?: boolean }): Open {
  return (region) => {
    const all = { participants, ...options };
    const [mine, other] = [RwLock.in(region, 0, all), RwLock.in(region, 0, all)];
    const held = mode === 'shared' ? other.exclusive.acquireSync() : other.shared.acquireSync();
    return busy(
      (signalled) => mine[mode].acquire(signalled),
      (patience) => mine[mode].acquireSync(patience),
      () => {
        held.release();
      },
      mine,
      other,
    );
  };
}

const kinds: Readonly<Record<string, Open>> = {
  'a mutex': ofMutex({}),
  'a fair mutex': ofMutex({ fair: true }),
  'a recursive mutex': ofMutex({ recursive: true }),
  'a semaphore': ofSemaphore({}),
  'a fair semaphore': ofSemaphore({ fair: true }),
  'a reader': ofRwLock('shared', {}),
  'a writer': ofRwLock('exclusive', {}),
  'a fair reader': ofRwLock('shared', { fair: true }),
  'a fair writer': ofRwLock('exclusive', { fair: true }),
  'a condition': (region) => {
    const mutex = Mutex.in(region, bytes, { participants });
    const condition = Condition.in(region, 0, { participants });
    return busy(
      (signalled) => condition.wait(mutex, mutex.acquireSync(), signalled),
      (patience) => condition.waitSync(mutex, mutex.acquireSync(), patience),
      () => {
        condition.notifyAll();
      },
      condition,
      mutex,
    );
  },
  'an event': (region) => {
    const event = Event.in(region, 0, { participants, reset: 'auto' });
    return busy(
      (signalled) => event.wait(signalled),
      (patience) => event.waitSync(patience),
      () => {
        event.set();
      },
      event,
    );
  },
  'a barrier': (region) => {
    const all = { participants, parties: 2 };
    const [mine, other] = [Barrier.in(region, 0, all), Barrier.in(region, 0, all)];
    return busy(
      (signalled) => mine.wait(signalled),
      (patience) => mine.waitSync(patience),
      () => {
        void other.wait();
      },
      mine,
      other,
    );
  },
  'a latch': (region) => {
    const latch = Latch.in(region, 0, { participants, count: 1 });
    return busy(
      (signalled) => latch.wait(signalled),
      (patience) => latch.waitSync(patience),
      () => {
        latch.countDown();
      },
      latch,
    );
  },
  'a once': async (region) => {
    const [mine, other] = [Once.in(region, 0, { participants }), Once.in(region, 0, { participants })];
    let done!: () => void;
    const working = other.run(() => new Promise<void>((resolve) => (done = resolve)));
    await setImmediate();
    return busy(
      (signalled) => mine.run(() => undefined, signalled),
      undefined,
      () => {
        done();
        void working;
      },
      mine,
      other,
    );
  },
  'a lease': async (region) => {
    const [mine, other] = [Lease.in(region, 0, { participants }), Lease.in(region, 0, { participants })];
    const held = await other.campaign();
    return busy(
      (signalled) => mine.campaign(signalled),
      undefined,
      () => {
        held.release();
      },
      mine,
      other,
    );
  },
};

const WAITERS = 0x40000000;

/**
 * The words of the lock, but for those that are hints, or counts of what was ever asked (docs/wire-formats/lock.md): that somebody may
 * sleep, tickets, and what a participant wants, which is read while it waits, unless it is a writer of the readers-writer lock.
 */
function state(region: Region): number[] {
  const words = [...new Int32Array(region.bytesView.slice().buffer, 0, bytes / 4)];
  const isRwLock = ((words[1] ?? 0) & 0xffff) === 3;
  const masks = new Map([
    [16, ~WAITERS],
    [17, 0],
    [18, ~WAITERS],
    [31, 0],
  ]);
  return words.map((word, index) => {
    const isWish = index >= 32 && index % 16 === 6;
    return isWish && !isRwLock ? 0 : word & (masks.get(index) ?? -1);
  });
}

describe.each(Object.entries(kinds))('%s', (_kind, open) => {
  const room = { kind: 'user', bytes: 2 * bytes };

  test('is as if never asked after an abort, whenever it comes', async () => {
    using region = Region.anonymous(room);
    using lock = await open(region);
    const before = state(region);
    await expect(lock.wait({ signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
    expect(state(region)).toEqual(before);
    for (const turns of [0, 1, 3]) {
      const abort = new AbortController();
      const asked = lock.wait({ signal: abort.signal });
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      if (turns > 1) expect(state(region)).not.toEqual(before); // it has said that it sleeps
      abort.abort(new Error('enough'));
      await expect(asked).rejects.toThrow('enough');
      expect(state(region)).toEqual(before);
    }
    const asked = lock.wait();
    lock.free();
    await asked;
  });

  test('is as if never asked after a time-out', async ({ skip }) => {
    using region = Region.anonymous(room);
    using lock = await open(region);
    if (lock.waitSync === undefined) return skip('its blocking calls have none');
    const before = state(region);
    for (const timeoutMs of [0, 2]) {
      expect(lock.waitSync({ timeoutMs }) ?? false).toBe(false);
      expect(state(region)).toEqual(before);
    }
    const asked = lock.wait();
    lock.free();
    await asked;
  });
});
