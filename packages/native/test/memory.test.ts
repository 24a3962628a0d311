import { constants } from 'node:buffer';
import { constants as files, fstatSync, ftruncateSync, readFileSync, statfsSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { expect, test, onTestFinished } from 'vitest';
import {
  SEAL_FUTURE_WRITE,
  SEAL_GROW,
  SEAL_SEAL,
  SEAL_SHRINK,
  SEAL_WRITE,
  addSeals,
  advise,
  allocate,
  close,
  duplicate,
  eventfd,
  getSeals,
  lock,
  map,
  memfdCreate,
  open,
  pipe,
  shmOpen,
  shmUnlink,
  sync,
  unmap,
} from '@ipc/native';
import {
  expectNoLeaks,
  owned,
  ownedPair,
  startWorker,
  temporaryFolder,
  thrownBy,
  uniqueName,
} from './support.ts';

expectNoLeaks();

function memory(bytes: number): number {
  const fd = owned(memfdCreate('test'));
  allocate(fd, bytes);
  return fd;
}

/** A mapping that is gone when the test ends, where the runtime lets it. */
function mapped(
  fd: number,
  bytes: number,
  options?: Parameters<typeof map>[2],
): ArrayBuffer | SharedArrayBuffer {
  const buffer = map(fd, bytes, options);
  onTestFinished(() => {
    unmap(buffer);
  });
  return buffer;
}

test('two mappings of one memfd share their bytes, and outlive the fd', () => {
  const fd = memfdCreate('test');
  allocate(fd, 8192);
  const first = mapped(fd, 8192);
  const second = mapped(fd, 4096, { offset: 4096, populate: true });
  close(fd);
  expect(first.byteLength).toBe(8192);
  expect(second.byteLength).toBe(4096);
  Atomics.store(new Int32Array(first), 1024, 42);
  expect(Atomics.load(new Int32Array(second), 0)).toBe(42);
});

test('a named object is created, opened by another process, and unlinked', async () => {
  const name = uniqueName();
  const fd = owned(shmOpen(name, files.O_RDWR | files.O_CREAT | files.O_EXCL, 0o600));
  expect(fstatSync(fd).mode & 0o777).toBe(0o600);
  expect(thrownBy(() => shmOpen(name, files.O_RDWR | files.O_CREAT | files.O_EXCL, 0o600))).toMatchObject({
    code: 'EEXIST',
    syscall: 'shm_open',
    message: `EEXIST: file exists, shm_open '${name}'`,
  });
  allocate(fd, 4096);
  const words = new Int32Array(mapped(fd, 4096));
  const worker = startWorker('increment', [name]);
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect(Atomics.load(words, 0)).toBe(1000);
  shmUnlink(name);
  expect(
    thrownBy(() => {
      shmUnlink(name);
    }),
  ).toMatchObject({ code: 'ENOENT', syscall: 'shm_unlink' });
  expect(thrownBy(() => shmOpen('/a/b', files.O_RDWR, 0))).toMatchObject({ code: 'EINVAL' });
});

test('allocate reserves, sets the size, never shrinks, and says ENOSPC', () => {
  const fd = memory(10_000);
  expect(fstatSync(fd).size).toBe(10_000);
  expect(fstatSync(fd).blocks * 512).toBeGreaterThanOrEqual(10_000);
  allocate(fd, 100);
  expect(fstatSync(fd).size).toBe(10_000);

  const name = uniqueName();
  const named = owned(shmOpen(name, files.O_RDWR | files.O_CREAT, 0o600));
  shmUnlink(name);
  const { bsize, blocks } = statfsSync('/dev/shm');
  expect(
    thrownBy(() => {
      allocate(named, bsize * (blocks + 1));
    }),
  ).toMatchObject({
    code: 'ENOSPC',
    errno: -28,
    syscall: 'posix_fallocate',
  });
  const [, writer] = ownedPair(pipe());
  expect(
    thrownBy(() => {
      allocate(writer, 1);
    }),
  ).toMatchObject({ code: 'ESPIPE' });
});

test('seals keep size and content', () => {
  const fd = memory(4096);
  expect(getSeals(fd)).toBe(0);
  addSeals(fd, SEAL_SHRINK | SEAL_GROW);
  expect(getSeals(fd)).toBe(SEAL_SHRINK | SEAL_GROW);
  expect(() => {
    ftruncateSync(fd, 0);
  }).toThrow(expect.objectContaining({ code: 'EPERM' }));
  expect(
    thrownBy(() => {
      allocate(fd, 8192);
    }),
  ).toMatchObject({ code: 'EPERM' });
  const writable = map(fd, 4096);
  expect(
    thrownBy(() => {
      addSeals(fd, SEAL_WRITE);
    }),
  ).toMatchObject({ code: 'EBUSY', syscall: 'fcntl' });
  addSeals(fd, SEAL_FUTURE_WRITE | SEAL_SEAL);
  new Uint8Array(writable)[0] = 9;
  expect(thrownBy(() => map(fd, 4096))).toMatchObject({ code: 'EPERM', syscall: 'mmap' });
  expect(new Uint8Array(mapped(fd, 4096, { readOnly: true }))[0]).toBe(9);
  expect(
    thrownBy(() => {
      addSeals(fd, SEAL_WRITE);
    }),
  ).toMatchObject({ code: 'EPERM' });
  unmap(writable);
  const file = owned(open(join(temporaryFolder(), 'file'), files.O_RDWR | files.O_CREAT, 0o600));
  expect(thrownBy(() => getSeals(file))).toMatchObject({ code: 'EINVAL' });
});

test('map refuses what would be SIGBUS, what is not open for writing, and what no memory is', () => {
  const fd = memory(4096);
  expect(() => map(fd, 4097)).toThrow(RangeError);
  expect(() => map(fd, 4096, { offset: 4096 })).toThrow(/the file has 4096 bytes/);
  ftruncateSync(fd, 16_384);
  expect(thrownBy(() => map(fd, 100, { offset: 100 }))).toMatchObject({ code: 'EINVAL' });
  const path = `/proc/self/fd/${fd}`;
  const readOnly = owned(open(path, files.O_RDONLY));
  expect(thrownBy(() => map(readOnly, 4096))).toMatchObject({ code: 'EACCES', syscall: 'mmap' });
  expect(mapped(readOnly, 4096, { readOnly: true }).byteLength).toBe(4096);
  expect(thrownBy(() => map(owned(eventfd(0)), 4096))).toMatchObject({ code: 'ENODEV' });
});

test('more than one buffer can hold is a RangeError, more than the address space ENOMEM, neither an abort', () => {
  const fd = owned(memfdCreate('sparse'));
  for (const bytes of [constants.MAX_LENGTH, constants.MAX_LENGTH + 1, 2 ** 48]) {
    if (bytes > Number.MAX_SAFE_INTEGER) continue;
    ftruncateSync(fd, bytes);
    if (bytes > constants.MAX_LENGTH)
      expect(() => map(fd, bytes)).toThrow(/one buffer of this runtime holds at most/);
    else if (bytes >= 2 ** 48)
      expect(thrownBy(() => map(fd, bytes))).toMatchObject({ code: 'ENOMEM', syscall: 'mmap' });
    else unmap(map(fd, bytes));
  }
});

test('a store through a read-only mapping kills the process, as documented', async () => {
  const worker = startWorker('read-only-store');
  const { code, signal } = await worker.ended;
  expect(signal === 'SIGSEGV' || (code !== 0 && code !== 42)).toBe(true);
});

test('unmap detaches an ArrayBuffer at once, and leaves a SharedArrayBuffer to the collector', () => {
  const fd = memory(4096);
  const buffer = map(fd, 4096);
  const view = new Uint8Array(buffer);
  unmap(buffer);
  unmap(buffer);
  if (buffer instanceof ArrayBuffer) {
    expect(buffer.byteLength).toBe(0);
    expect(view.length).toBe(0);
    expect(() => {
      sync(buffer, 0, 0);
    }).toThrow(TypeError);
    expect(() => {
      lock(buffer);
    }).toThrow(TypeError);
  } else {
    view[0] = 1;
    expect(view[0]).toBe(1);
  }
});

test('unmap, sync, lock and advise refuse memory that is not mapped here', () => {
  const fd = memory(4096);
  const buffer = mapped(fd, 4096);
  for (const foreign of [new ArrayBuffer(4096), Buffer.allocUnsafe(10).buffer]) {
    expect(() => {
      unmap(foreign);
    }).toThrow(TypeError);
    expect(() => {
      sync(foreign, 0, 1);
    }).toThrow(TypeError);
    expect(() => {
      lock(foreign);
    }).toThrow(TypeError);
    expect(() => {
      advise(foreign, 'dont-need');
    }).toThrow(TypeError);
  }
  const wrong = [undefined, null, 1, 'x', {}, new Uint8Array(1)] as unknown as ArrayBuffer[];
  for (const value of wrong)
    expect(() => {
      unmap(value);
    }).toThrow(TypeError);
  expect(() => {
    sync(new SharedArrayBuffer(4096), 0, 1);
  }).toThrow(TypeError);
  expect(() => {
    sync(buffer, 4000, 97);
  }).toThrow(RangeError);
  expect(() => {
    advise(buffer, 'erase' as 'normal');
  }).toThrow(/'normal', 'random'/);
});

test('sync writes a mapped file to the disk; advise takes a mapping', async () => {
  const path = join(temporaryFolder(), 'file');
  const fd = owned(open(path, files.O_RDWR | files.O_CREAT, 0o600));
  allocate(fd, 12_288);
  const buffer = mapped(fd, 12_288);
  new Uint8Array(buffer).set([1, 2, 3], 5000);
  sync(buffer, 5000, 3);
  sync(buffer, 0, 12_288);
  await using file = await openFile(path);
  expect([...(await file.read(new Uint8Array(3), 0, 3, 5000)).buffer]).toEqual([1, 2, 3]);
  for (const advice of [
    'normal',
    'random',
    'sequential',
    'will-need',
    'dont-need',
    'dont-fork',
    'dont-dump',
  ] as const) {
    advise(buffer, advice);
  }
  expect(new Uint8Array(buffer)[5001]).toBe(2);
});

test('lock keeps pages in memory', (context) => {
  context.skip(process.env.ASAN_OPTIONS !== undefined, 'AddressSanitizer makes mlock do nothing');
  const lockedBytes = (): number =>
    1024 * Number(/VmLck:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const buffer = mapped(memory(8192), 8192);
  const before = lockedBytes();
  lock(buffer);
  expect(lockedBytes() - before).toBe(8192);
});

test('passing a buffer to another thread shares a SharedArrayBuffer, and copies an ArrayBuffer even in a transfer', () => {
  const buffer = mapped(memory(4096), 4096);
  const { port1, port2 } = new MessageChannel();
  const sent = (transfer: readonly ArrayBuffer[]): Uint8Array => {
    port1.postMessage(buffer, transfer);
    const { message } = receiveMessageOnPort(port2) as { message: ArrayBuffer | SharedArrayBuffer };
    return new Uint8Array(message);
  };
  if (buffer instanceof ArrayBuffer) {
    sent([])[7] = 7;
    try {
      sent([buffer])[7] = 7;
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' }); // from Node 21 on
    }
    expect(new Uint8Array(buffer)[7]).toBe(0);
  } else {
    sent([])[7] = 7;
    expect(new Uint8Array(buffer)[7]).toBe(7);
  }
  port1.close();
});

test.each([
  ['2,000 mappings of 1 MiB that are dropped are unmapped, without a word to the collector', 'flat'],
  ['all of them once it has run', 'collected'],
  ['those unmapped at once never add up', 'unmapped'],
  ['a worker thread unmaps what it mapped', 'thread'],
])('%s', async (_, scenario) => {
  const worker = startWorker('mappings', [scenario], ['--expose-gc']);
  expect(await worker.ended).toEqual({ code: 0, signal: null, stderr: '' });
});

test('one description can be mapped many times, at addresses of their own', () => {
  const fd = memory(4096);
  const copy = owned(duplicate(fd));
  const buffers = Array.from({ length: 100 }, (_, i) => mapped(i % 2 ? fd : copy, 4096));
  const first = buffers[0];
  if (first === undefined) throw new Error('no mapping');
  new Uint8Array(first)[0] = 5;
  expect(buffers.every((buffer) => new Uint8Array(buffer)[0] === 5)).toBe(true);
});
