/** Runs one call where the system's limits and mounts are its own (see posix-system.test.ts) and prints what came of it. */
import { PosixQueue, SysvQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { isIpcError } from '@ipc/core';

const calls: Record<string, () => unknown> = {
  create: () => {
    PosixQueue.create('limited').unlink();
    return 'created';
  },
  createTwo: () => {
    using first = PosixQueue.create('first');
    try {
      PosixQueue.create('second');
    } finally {
      first.unlink();
    }
    return 'created';
  },
  createTwoSysv: () => {
    using first = SysvQueue.create('first');
    try {
      SysvQueue.create('second').unlink();
    } finally {
      first.unlink();
    }
    return 'created';
  },
  createWithoutDescriptors: () => {
    const opened: PosixQueue[] = [];
    for (let i = 0; i < 1_000; i++)
      opened.push(PosixQueue.openOrCreate('many', { maxMessages: 1, maxMessageBytes: 1 }));
    return opened.length;
  },
  reclaim: () => {
    const payloads = (): number =>
      Region.list().filter(({ creatorPid }) => creatorPid === process.pid).length;
    const spilling = { maxMessages: 2, maxMessageBytes: 64, spillBytes: 1_000 };
    const left = PosixQueue.create('gone', spilling);
    const plain = PosixQueue.open('gone');
    left.trySend(new Uint8Array(500));
    left.unlink();
    left.close();
    PosixQueue.reclaim();
    const heldByPlain = payloads();
    plain.close(); // it knows nothing of payloads
    const removed = PosixQueue.reclaim() > 0;
    const gone = payloads();

    const queue = PosixQueue.create('queued', spilling);
    queue.trySend(new Uint8Array(500));
    queue.close();
    PosixQueue.reclaim();
    const queued = payloads();
    const dying = PosixQueue.open('queued');
    dying.tryReceive(); // as one who dies before it has the payload
    PosixQueue.reclaim();
    const held = payloads();
    dying.close();
    PosixQueue.reclaim();
    const empty = payloads();
    PosixQueue.unlink('queued');
    return { heldByPlain, removed, gone, queued, held, empty };
  },
  list: () => {
    using kept = PosixQueue.create('kept', { mode: 0o640 });
    kept.trySend(new Uint8Array(5));
    PosixQueue.create('/left').close();
    const listed = PosixQueue.list();
    for (const { name, openIn } of listed) if (openIn.length === 0) PosixQueue.unlink(name);
    return { pid: process.pid, listed, after: PosixQueue.list().map(({ name }) => name) };
  },
};

try {
  console.log(JSON.stringify({ value: calls[process.argv[2] ?? '']?.() }));
} catch (error) {
  if (!isIpcError(error)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
