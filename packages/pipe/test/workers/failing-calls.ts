/**
 * Runs with failing-calls.c preloaded: does each piece of work again and again, each time with another system call failing, until
 * none is left to fail. Prints what went wrong: a crash, a hang, an error that is none of ours, a descriptor or file left.
 */
import { accessSync, fstatSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { isIpcError, runtimeDirectory, type Closable, type Receiver, type Sender } from '@ipc/core';
import { fifo, openFifoReceiver, openFifoSender, packetPipe, pipe, pipePair } from '@ipc/pipe';

const prefix = process.argv[2] ?? 'failing';
const { EIO, EMFILE, ENOSPC, EPERM } = constants.errno;

/**
 * What fails, and how. Not epoll_ctl: libuv ends the process when that fails.
 * A failing close has closed. What cannot be unlinked stays, and so does a lock file that could not be locked.
 */
const failures: Readonly<Record<string, number>> = {
  pipe2: EMFILE,
  open: EMFILE,
  mkfifo: ENOSPC,
  chmod: EPERM,
  rename: EIO,
  unlink: EIO,
  fcntl: EPERM,
  ioctl: EIO,
  read: EIO,
  write: EIO,
  writev: EIO,
  close: EIO,
};

const work: Readonly<Record<string, (own: (end: Closable) => void) => Promise<void>>> = {
  async pipes(own) {
    for (const make of [() => pipe(), () => pipe({ format: 'lines' }), () => packetPipe()]) {
      const { sender, receiver } = make();
      own(sender);
      own(receiver);
      await exchange(sender, receiver, [3, 2_000]);
      await Promise.all([sender.close(), receiver.receive()]);
      await receiver.close();
    }
  },
  async channel(own) {
    const [a, b] = pipePair();
    own(a);
    own(b);
    await exchange(a, b, [3, 100_000]);
    await Promise.all([a.close(), b.close()]);
  },
  async fifo(own) {
    const listener = await fifo().listen(`${prefix}-a`);
    own(listener);
    const abort = new AbortController(); // of one that waits for what the other could not do
    const meet = <T>(step: Promise<T>): Promise<T> =>
      step.catch((error: unknown) => {
        abort.abort(error);
        throw error;
      });
    const [far, near] = await Promise.allSettled([
      meet(listener.accept({ signal: abort.signal })),
      meet(fifo().connect(`${prefix}-a`, { signal: abort.signal })),
    ]);
    for (const met of [far, near]) if (met.status === 'fulfilled') own(met.value);
    if (far.status === 'rejected') throw far.reason;
    if (near.status === 'rejected') throw near.reason;
    await exchange(near.value, far.value, [3]);
    await Promise.all([near.value.close(), far.value.close(), listener.close()]);
  },
  async records(own) {
    const receiver = await openFifoReceiver(`${prefix}-b`);
    own(receiver);
    const sender = await openFifoSender(`${prefix}-b`, { maxMessageBytes: 100_000 });
    own(sender);
    await exchange(sender, receiver, [3, 10_000]);
    await Promise.all([sender.close(), receiver.close()]);
  },
};

const findings: string[] = [];
process.on('uncaughtException', (error, origin) =>
  findings.push(`${origin}: ${error.stack ?? String(error)}`),
);

let failed = 0;
for (const [what, run] of Object.entries(work)) {
  await attempt(run); // what Node opens at first use is open from here on
  for (const [call, errno] of Object.entries(failures)) {
    for (let n = 1; ; n++) {
      const before = held();
      arm(call, n, errno);
      const outcome = await attempt(run);
      const hit = disarm();
      if (outcome === 'success' && !hit) break;
      failed++;
      const label = `${what}, ${call} ${n}`;
      if (outcome !== 'success' && !isIpcError(outcome))
        findings.push(`${label}: ${outcome instanceof Error ? String(outcome.stack) : String(outcome)}`);
      const left = held().filter((each) => !before.includes(each) && !mayStay(call, each));
      if (left.length > 0) findings.push(`${label} leaves ${left.join(', ')}`);
      if (n > 500) throw new Error(`${label}: no end`);
    }
  }
}
console.log(JSON.stringify({ failed, findings }));
process.exit();

/** Does the work, then closes whatever it has opened. */
async function attempt(run: (own: (end: Closable) => void) => Promise<void>): Promise<unknown> {
  const open: Closable[] = [];
  const finished = async (): Promise<unknown> => {
    try {
      await run((end) => open.push(end));
      return 'success';
    } catch (error) {
      return error;
    } finally {
      await Promise.allSettled(open.map((end) => end.close({ signal: AbortSignal.timeout(100) })));
    }
  };
  const outcome = await Promise.race([finished(), setTimeout(5_000, 'a hang')]);
  await new Promise((resolve) => setImmediate(resolve)); // libuv lets go of a watch in the next turn
  return outcome;
}

async function exchange(sender: Sender, receiver: Receiver, sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    const sent = sender.send(new Uint8Array(size).fill(7)).then(() => sender.flush());
    const received = receiver.receive();
    const failure = sender.closed.then((error) => {
      if (error !== undefined) throw error;
      return undefined;
    });
    const message = await Promise.race([received, failure, sent.then(() => received)]);
    await sent;
    if (message?.length !== size) throw new Error(`a message of ${message?.length ?? -1} bytes, not ${size}`);
  }
}

function arm(call: string, n: number, errno: number): void {
  accessSync(`/failing-call/${call}/${n}/${errno}`);
}

/** Whether the call that was to fail has been made. */
function disarm(): boolean {
  try {
    accessSync('/failing-call/');
    return true;
  } catch {
    return false;
  }
}

function mayStay(call: string, left: string): boolean {
  return (
    (call === 'unlink' && !left.startsWith('descriptor')) || (call === 'fcntl' && left.endsWith('.lock'))
  );
}

/** Open descriptors, found without opening one, and our names. */
function held(): string[] {
  const all: string[] = [];
  for (let fd = 0; fd < 256; fd++) {
    try {
      const { ino } = fstatSync(fd);
      all.push(`descriptor ${fd} (inode ${ino})`);
    } catch {
      // closed
    }
  }
  return [...all, ...readdirSync(runtimeDirectory()).filter((name) => name.includes(prefix))];
}
