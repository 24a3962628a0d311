import { execFileSync } from 'node:child_process';
import { constants, fstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  O_TMPFILE,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  bytesReadable,
  close,
  duplicate,
  eventfd,
  linkDescriptor,
  mkfifo,
  open,
  pidfdOpen,
  pipe,
  pipeCapacity,
  poll,
  read,
  readPair,
  setCloseOnExec,
  setNonBlocking,
  setPipeCapacity,
  splice,
  tee,
  write,
  writePair,
  writev,
} from '@ipc/native';
import {
  expectNoLeaks,
  openFlags,
  owned,
  ownedPair,
  startWorker,
  temporaryFolder,
  thrownBy,
} from './support.ts';

expectNoLeaks();

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
test('a pipe carries bytes, is non-blocking and close-on-exec', () => {
  const [reader, writer] = ownedPair(pipe());
  const target = new Uint8Array(8);
  expect(read(reader, target, 0, 8)).toBe(-1);
  expect(write(writer, bytes('hello'), 1, 4)).toBe(4);
  expect(bytesReadable(reader)).toBe(4);
  expect(read(reader, target, 2, 6)).toBe(4);
  expect([...target]).toEqual([0, 0, ...bytes('ello'), 0, 0]);
  for (const fd of [reader, writer]) {
    expect(openFlags(fd)).toEqual({ closeOnExec: true, nonBlocking: true });
  }
});

test('a full pipe is -1, the end is 0, a pipe nobody reads is EPIPE', () => {
  const [reader, writer] = pipe();
  const block = new Uint8Array(65_536);
  expect(write(writer, block, 0, block.length)).toBe(65_536);
  expect(write(writer, block, 0, 1)).toBe(-1);
  close(reader);
  expect(() => write(writer, block, 0, 1)).toThrow(
    expect.objectContaining({
      code: 'EPIPE',
      errno: -32,
      syscall: 'write',
      message: 'EPIPE: broken pipe, write',
    }),
  );
  close(writer);

  const [second, ended] = pipe();
  close(ended);
  expect(read(second, block, 0, 8)).toBe(0);
  close(second);
});

test('a packet pipe keeps the bounds of writes', () => {
  const [reader, writer] = ownedPair(pipe({ packet: true }));
  write(writer, bytes('one'), 0, 3);
  write(writer, bytes('three'), 0, 5);
  const target = new Uint8Array(64);
  expect(read(reader, target, 0, 64)).toBe(3);
  expect(read(reader, target, 0, 64)).toBe(5);
});

test('read and write take memory that is shared, and Buffers at an offset', () => {
  const [reader, writer] = ownedPair(pipe());
  const shared = new Uint8Array(new SharedArrayBuffer(16));
  shared.fill(7);
  expect(write(writer, shared, 4, 8)).toBe(8);
  const view = Buffer.alloc(32).subarray(16, 24);
  expect(read(reader, view, 0, 8)).toBe(8);
  expect(view.every((byte) => byte === 7)).toBe(true);
});

test('writev writes in order, partially when there is no room, and at most 1,024 arrays', () => {
  const [reader, writer] = ownedPair(pipe());
  const target = new Uint8Array(65_536);
  expect(writev(writer, [bytes('ab'), new Uint8Array(0), bytes('cde')])).toBe(5);
  expect(read(reader, target, 0, 64)).toBe(5);
  expect(Buffer.from(target.subarray(0, 5)).toString()).toBe('abcde');

  expect(writev(writer, Array<Uint8Array>(1025).fill(new Uint8Array(1)))).toBe(1024);
  expect(read(reader, target, 0, 65_536)).toBe(1024);

  expect(writev(writer, [new Uint8Array(65_536), new Uint8Array(65_536)])).toBe(65_536);
  expect(writev(writer, [new Uint8Array(1)])).toBe(-1);
  expect(writev(writer, [])).toBe(0);
});

test('a pair is written as one, and read as one into the first to its end and then into the second', () => {
  const [reader, writer] = pipe();
  const [target, second] = [bytes('......'), bytes('......')];
  expect(readPair(reader, target, 2, second, 3)).toBe(-1);
  expect(writePair(writer, bytes('abcd'), 3, bytes('efghijk'))).toBe(10);

  expect(readPair(reader, target, 2, second, 3)).toBe(7);
  expect([target, second].map((view) => Buffer.from(view).toString())).toEqual(['..abce', 'fgh...']);
  expect(readPair(reader, target, 0, second, 6)).toBe(3);
  expect([target, second].map((view) => Buffer.from(view).toString())).toEqual(['ijkbce', 'fgh...']);

  expect(writePair(writer, new Uint8Array(65_536), 65_536, bytes('x'))).toBe(65_536);
  expect(writePair(writer, bytes('x'), 1, bytes('y'))).toBe(-1);
  close(writer);
  expect(readPair(reader, new Uint8Array(65_536), 0, second, 6)).toBe(65_536);
  expect(readPair(reader, target, 0, second, 6)).toBe(0);
  close(reader);
});

test('writev survives a getter that detaches what it has seen already', () => {
  const [, writer] = ownedPair(pipe());
  const victim = new Uint8Array(4096);
  const sources: Uint8Array[] = [victim];
  Object.defineProperty(sources, 1, {
    get() {
      structuredClone(victim.buffer, { transfer: [victim.buffer] });
      return bytes('x');
    },
  });
  expect(writev(writer, sources)).toBe(1);
});

test('pipe capacity is read and set; a wish over the limit is EPERM or granted to the privileged', () => {
  const [reader, writer] = ownedPair(pipe());
  expect(pipeCapacity(reader)).toBe(65_536);
  expect(setPipeCapacity(writer, 5000)).toBe(8192);
  expect(pipeCapacity(reader)).toBe(8192);
  write(writer, new Uint8Array(8192), 0, 8192);
  expect(() => setPipeCapacity(writer, 4096)).toThrow(
    expect.objectContaining({ code: 'EBUSY', syscall: 'fcntl' }),
  );
});

test('a FIFO is made with its mode, opened and used', () => {
  const path = join(temporaryFolder(), 'fifo');
  mkfifo(path, 0o640);
  expect(statSync(path).isFIFO()).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(thrownBy(() => open(path, constants.O_WRONLY | constants.O_NONBLOCK))).toMatchObject({
    code: 'ENXIO',
  });
  const reader = owned(open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  const writer = owned(open(path, constants.O_WRONLY | constants.O_NONBLOCK));
  write(writer, bytes('x'), 0, 1);
  expect(read(reader, new Uint8Array(1), 0, 1)).toBe(1);
  expect(
    thrownBy(() => {
      mkfifo(path, 0o600);
    }),
  ).toMatchObject({ code: 'EEXIST', syscall: 'mkfifo' });
});

test('an unnamed file gets its name only when it is complete, and never takes another one', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'file');
  const unnamed = owned(open(folder, O_TMPFILE | constants.O_RDWR, 0o600));
  write(unnamed, bytes('whole'), 0, 5);
  linkDescriptor(unnamed, path);
  expect(readFileSync(path, 'utf8')).toBe('whole');
  expect(
    thrownBy(() => {
      linkDescriptor(unnamed, path);
    }),
  ).toMatchObject({ code: 'EEXIST', syscall: 'linkat' });
});

test('open creates with the mode given and reports as Node does', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'file');
  const fd = owned(open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o604));
  expect(fstatSync(fd).mode & 0o777).toBe(0o604);
  expect(openFlags(fd).closeOnExec).toBe(true);
  const error = thrownBy(() => open(join(folder, 'absent'), constants.O_RDONLY));
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    code: 'ENOENT',
    errno: -2,
    syscall: 'open',
    message: `ENOENT: no such file or directory, open '${folder}/absent'`,
  });
  expect(thrownBy(() => open('a'.repeat(5000), constants.O_RDONLY))).toMatchObject({ code: 'ENAMETOOLONG' });
});

test('a closed fd is EBADF everywhere', () => {
  const [reader, writer] = pipe();
  close(reader);
  close(writer);
  const target = new Uint8Array(1);
  const calls = [
    () => {
      close(reader);
    },
    () => read(reader, target, 0, 1),
    () => write(writer, target, 0, 1),
    () => writev(writer, [target]),
    () => readPair(reader, target, 0, target, 1),
    () => writePair(writer, target, 1, target),
    () => bytesReadable(reader),
    () => pipeCapacity(reader),
    () => setPipeCapacity(reader, 4096),
    () => {
      setNonBlocking(reader, true);
    },
    () => {
      setCloseOnExec(reader, true);
    },
    () => duplicate(reader),
    () => splice(reader, writer, 1),
  ];
  for (const call of calls) expect(thrownBy(call)).toMatchObject({ code: 'EBADF', errno: -9 });
});

test('flags are set and cleared; a duplicate shares the description and is close-on-exec', () => {
  const [reader] = ownedPair(pipe());
  setNonBlocking(reader, false);
  expect(openFlags(reader).nonBlocking).toBe(false);
  setCloseOnExec(reader, false);
  expect(openFlags(reader).closeOnExec).toBe(false);
  expect(
    execFileSync('readlink', [`/proc/self/fd/${reader}`], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
  ).toMatch(/^pipe:/);
  setCloseOnExec(reader, true);
  expect(() => execFileSync('readlink', [`/proc/self/fd/${reader}`], { stdio: 'ignore' })).toThrow();
  const copy = owned(duplicate(reader));
  expect(copy).not.toBe(reader);
  expect(fstatSync(copy).ino).toBe(fstatSync(reader).ino);
  expect(openFlags(copy).closeOnExec).toBe(true);
});

test('an eventfd counts', () => {
  const fd = owned(eventfd(2));
  const counter = new BigUint64Array([3n]);
  const view = new Uint8Array(counter.buffer);
  expect(write(fd, view, 0, 8)).toBe(8);
  expect(read(fd, view, 0, 8)).toBe(8);
  expect(counter[0]).toBe(5n);
  expect(read(fd, view, 0, 8)).toBe(-1);
});

test('a pidfd becomes readable when the process is killed', async () => {
  const worker = startWorker('hold');
  expect(await worker.line()).toBe('ready');
  const { pid } = worker.child;
  if (pid === undefined) throw new Error('no child');
  const fd = owned(pidfdOpen(pid));
  const revents = new Int16Array(1);
  expect(poll(new Int32Array([fd]), new Int16Array([POLLIN]), revents, 0)).toBe(0);
  worker.child.kill('SIGKILL');
  expect(poll(new Int32Array([fd]), new Int16Array([POLLIN]), revents, -1)).toBe(1);
  expect(revents[0]).toBe(POLLIN);
  await worker.ended;
  expect(thrownBy(() => pidfdOpen(pid))).toMatchObject({ code: 'ESRCH', syscall: 'pidfd_open' });
});

test('poll tells each fd what it is ready for, skips negative ones, and times out', () => {
  const [reader, writer] = ownedPair(pipe());
  const [lonely, gone] = pipe();
  close(lonely);
  const fds = new Int32Array([reader, writer, gone, -1]);
  const events = new Int16Array([POLLIN, POLLOUT, POLLOUT, POLLIN]);
  const revents = new Int16Array(4);
  expect(poll(fds, events, revents, -1)).toBe(2);
  expect([...revents]).toEqual([0, POLLOUT, POLLOUT | POLLERR, 0]);
  close(gone);
  expect(poll(new Int32Array([reader]), new Int16Array([POLLIN]), new Int16Array(1), 0.5)).toBe(0);
  expect(poll(new Int32Array(0), new Int16Array(0), new Int16Array(0), 1)).toBe(0);
  expect(() => poll(fds, events, new Int16Array(3), 0)).toThrow(RangeError);

  const many = new Int32Array(100).fill(reader);
  write(writer, bytes('x'), 0, 1);
  expect(poll(many, new Int16Array(100).fill(POLLIN), new Int16Array(100), -1)).toBe(100);
});

test('poll goes on after a signal, and not for longer', async () => {
  const worker = startWorker('blocked-poll');
  expect(await worker.line()).toBe('ready');
  expect(await worker.lineUnderSignals()).toBe('0 ready, in time');
  expect(await worker.ended).toMatchObject({ code: 0 });
});

test('poll reports the hang-up of a pipe', () => {
  const [reader, writer] = pipe();
  close(writer);
  const revents = new Int16Array(1);
  expect(poll(new Int32Array([reader]), new Int16Array([POLLIN]), revents, -1)).toBe(1);
  expect(revents[0]).toBe(POLLHUP);
  close(reader);
});

test('tee leaves in the first pipe what it puts into the second', () => {
  const [from, source] = pipe();
  const [target, to] = ownedPair(pipe());
  owned(from);
  expect(tee(from, to, 100)).toBe(-1);
  write(source, bytes('twice'), 0, 5);
  expect(tee(from, to, 100)).toBe(5);
  for (const fd of [from, target]) {
    const taken = new Uint8Array(8);
    expect(read(fd, taken, 0, 8)).toBe(5);
    expect(Buffer.from(taken.subarray(0, 5)).toString()).toBe('twice');
  }
  close(source);
  expect(tee(from, to, 100)).toBe(0);
});

test('splice moves between pipes, and tells full, empty and end apart', () => {
  const [from, source] = pipe();
  const [target, to] = ownedPair(pipe());
  owned(from);
  expect(splice(from, to, 100)).toBe(-1);
  write(source, bytes('spliced'), 0, 7);
  expect(splice(from, to, 100)).toBe(7);
  const taken = new Uint8Array(16);
  expect(read(target, taken, 0, 16)).toBe(7);
  expect(Buffer.from(taken.subarray(0, 7)).toString()).toBe('spliced');
  close(source);
  expect(splice(from, to, 100)).toBe(0);
});

test('a terminated worker closes what it left to the end of its thread, and nothing else', async () => {
  const worker = startWorker('thread-exit');
  expect(JSON.parse(await worker.line())).toEqual({
    during: ['given-away', 'next', 'owned', 'shared'].map((name) => `/memfd:thread-exit-${name}`),
    after: ['given-away', 'next', 'shared'].map((name) => `/memfd:thread-exit-${name}`),
  });
});
