import { AsyncLocalStorage } from 'node:async_hooks';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { expect, test, onTestFinished } from 'vitest';
import {
  DISCONNECT,
  FAILED,
  READABLE,
  WRITABLE,
  close,
  open,
  pipe,
  read,
  shutdown,
  socketPair,
  watch,
  write,
  type Watch,
} from '@ipc/native';
import {
  deferred,
  expectNoLeaks,
  owned,
  ownedPair,
  startWorker,
  temporaryFolder,
  thrownBy,
} from './support.ts';

expectNoLeaks();

function ownedWatch(fd: number, onReady: (readiness: number) => void): Watch {
  const watched = watch(fd, onReady);
  onTestFinished(() => {
    watched.close();
  });
  return watched;
}

const byte = new Uint8Array(1);

test('tells when there is something to read, again and again, until it is stopped', async () => {
  const [reader, writer] = ownedPair(pipe());
  const third = deferred();
  let calls = 0;
  const watched = ownedWatch(reader, (readiness) => {
    expect(readiness).toBe(READABLE);
    if (++calls === 3) third.resolve();
  });
  watched.update(READABLE);
  write(writer, byte, 0, 1);
  await third.promise;
  watched.update(0);
  const after = calls;
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(calls).toBe(after);
});

test('tells the end of a pipe, room to write, and a reader that is gone', async () => {
  const [reader, writer] = pipe();
  const writable = deferred<number>();
  const writing = watch(writer, (readiness) => {
    writable.resolve(readiness);
  });
  writing.update(WRITABLE);
  expect(await writable.promise).toBe(WRITABLE);
  writing.close();

  const failed = deferred<number>();
  const failing = watch(writer, (readiness) => {
    failed.resolve(readiness);
  });
  close(reader);
  failing.update(WRITABLE);
  expect(await failed.promise).toBe(FAILED);
  failing.close();
  close(writer);

  const [second, ended] = pipe();
  const end = deferred<number>();
  const reading = watch(second, (readiness) => {
    end.resolve(readiness);
  });
  reading.update(READABLE);
  close(ended);
  expect(await end.promise).toBe(READABLE);
  expect(read(second, byte, 0, 1)).toBe(0);
  reading.close();
  close(second);
});

test('tells a peer that sends no more', async () => {
  const [a, b] = ownedPair(socketPair('stream'));
  const told = deferred<number>();
  const watched = ownedWatch(a, (readiness) => {
    told.resolve(readiness);
    watched.update(0);
  });
  watched.update(DISCONNECT);
  shutdown(b, 'write');
  expect(await told.promise).toBe(DISCONNECT);
});

test('a failed watch is stopped, and can be told to go on', async () => {
  const [reader, writer] = pipe();
  close(reader);
  const twice = deferred();
  let calls = 0;
  const watched = watch(writer, () => {
    if (++calls === 2) twice.resolve();
  });
  watched.update(WRITABLE);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(calls).toBe(1);
  watched.update(WRITABLE);
  await twice.promise;
  watched.close();
  close(writer);
});

test('ticks and microtasks run after each callback, in the async context of the watch', async () => {
  const [firstReader, firstWriter] = ownedPair(pipe());
  const [secondReader, secondWriter] = ownedPair(pipe());
  const storage = new AsyncLocalStorage<string>();
  const order: string[] = [];
  const done = deferred();
  const watches = storage.run('caller', () =>
    [firstReader, secondReader].map((fd) =>
      ownedWatch(fd, () => {
        order.push('callback');
        expect(storage.getStore()).toBe('caller');
        process.nextTick(() => order.push('tick'));
        void Promise.resolve().then(() => order.push('microtask'));
        read(fd, byte, 0, 1);
        if (order.length > 1) done.resolve();
      }),
    ),
  );
  write(firstWriter, byte, 0, 1);
  write(secondWriter, byte, 0, 1);
  for (const watched of watches) watched.update(READABLE);
  await done.promise;
  await new Promise(setImmediate);
  expect(order).toEqual(['callback', 'tick', 'microtask', 'callback', 'tick', 'microtask']);
});

test('may be closed, twice, from its own callback; update after that is EBADF', async () => {
  const [reader, writer] = ownedPair(pipe());
  const called = deferred();
  const watched = watch(reader, () => {
    watched.close();
    watched.close();
    called.resolve();
  });
  watched.update(READABLE);
  write(writer, byte, 0, 1);
  await called.promise;
  watched.ref();
  watched.unref();
  expect(
    thrownBy(() => {
      watched.update(READABLE);
    }),
  ).toMatchObject({ code: 'EBADF' });
});

test('refuses what cannot be awaited', () => {
  const file = owned(open(join(temporaryFolder(), 'file'), constants.O_RDWR | constants.O_CREAT, 0o600));
  expect(thrownBy(() => watch(file, () => undefined))).toMatchObject({ code: 'EPERM', syscall: 'epoll_ctl' });
  const [reader, writer] = pipe();
  close(reader);
  close(writer);
  expect(thrownBy(() => watch(reader, () => undefined))).toMatchObject({ code: 'EBADF' });
});

test('two watches may not wait for one fd at a time', () => {
  const [reader] = ownedPair(pipe());
  const first = ownedWatch(reader, () => undefined);
  const second = ownedWatch(reader, () => undefined);
  first.update(READABLE);
  expect(
    thrownBy(() => {
      second.update(READABLE);
    }),
  ).toMatchObject({ code: 'EEXIST' });
  first.update(0);
  second.update(READABLE);
});

test('its methods refuse another receiver', () => {
  const [reader] = ownedPair(pipe());
  const watched = ownedWatch(reader, () => undefined);
  for (const method of ['update', 'close', 'ref', 'unref'] as const) {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- that is the point
    const unbound = watched[method] as (...args: unknown[]) => unknown;
    for (const receiver of [undefined, null, {}, 1, Object.create(watched), new Map()]) {
      expect(() => Reflect.apply(unbound, receiver, [0])).toThrow(TypeError);
    }
  }
  const constructor = watched.constructor as unknown as new (...args: unknown[]) => unknown;
  expect(() => new constructor()).toThrow(TypeError);
  expect(() => (constructor as unknown as () => unknown)()).toThrow(TypeError);
});

test.each([
  ['a throw in a callback is an uncaughtException', 'throws'],
  ['a waiting watch keeps the process alive until it is unreferenced', 'unref'],
  ['a stopped watch does not keep the process alive', 'stopped'],
  ['a dropped watch is collected when stopped, and lives on while it waits', 'collect'],
  ['process.exit in a callback', 'exit'],
  [
    'worker threads end with live watches: by themselves, by exit, by terminate in and out of a callback',
    'threads',
  ],
  ['100,000 updates and 10,000 watches leave nothing behind', 'many'],
])('%s', async (_, scenario) => {
  const worker = startWorker('watch', [scenario], ['--expose-gc']);
  expect(await worker.ended).toEqual({ code: 0, signal: null, stderr: '' });
});
