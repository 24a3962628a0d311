/** Runs under a low RLIMIT_NOFILE: uses up the descriptors with each call, frees them, and does its work again. */
import { fstatSync } from 'node:fs';
import { createFifo, fifo, openFifoReceiver, openPipe, pipePair, readFifo, spawnChild } from '@ipc/pipe';
import { IpcError } from '@ipc/core';

const prefix = process.argv[2] ?? 'limits';
const path = `${process.argv[3] ?? ''}/limits-fifo`;
createFifo(path);

const calls = {
  pipePair: async () => {
    const [a, b] = pipePair();
    await Promise.all([a.close(), b.close()]);
  },
  spawnChild: async () => {
    const child = await spawnChild('true');
    await child.close();
  },
  fifo: async () => {
    const listener = await fifo().listen(`${prefix}-a`);
    const [near, far] = await Promise.all([fifo().connect(`${prefix}-a`), listener.accept()]).finally(() =>
      listener.close(),
    );
    await Promise.all([near.close(), far.close()]);
  },
  openFifoReceiver: async () => (await openFifoReceiver(`${prefix}-b`)).close(),
  readFifo: async () => (await readFifo(path, { end: 'never', format: 'lines' })).close(),
};

// Node itself opens a few descriptors the first time it starts or fails something: they are at rest after the first pass.
await exhaust('spawnChild', calls.spawnChild);
const outcomes: string[] = []; // written at the end: standard output is a descriptor too
const atRest = openDescriptors();
for (const [name, call] of Object.entries(calls)) {
  const failures = await exhaust(name, call);
  if (openDescriptors() !== atRest)
    throw new Error(`${name} leaves ${openDescriptors() - atRest} descriptors`);
  outcomes.push(`${name} failed ${failures > 0 ? 'cleanly' : 'never'}`);
}
console.log(outcomes.join('\n'));

/** From no descriptor left to enough of them: `call` fails cleanly until it can succeed. Returns how often it failed. */
async function exhaust(name: string, call: () => Promise<unknown>): Promise<number> {
  const hoard: { close(): void }[] = [];
  for (;;) {
    try {
      hoard.push(...Object.values(openPipe()));
    } catch {
      break;
    }
  }
  for (let failures = 0; ; failures++) {
    const before = openDescriptors();
    try {
      await call();
      for (const end of hoard) end.close();
      await call();
      return failures;
    } catch (error) {
      if (!(error instanceof IpcError) || error.code !== 'ERR_IPC_LIMIT') throw error;
    }
    if (failures > 0 && openDescriptors() !== before) throw new Error(`${name} leaks when it fails`);
    hoard.pop()?.close();
  }
}

/** How many are open, found without opening one. */
function openDescriptors(): number {
  let open = 0;
  for (let fd = 0; fd < 256; fd++) {
    try {
      fstatSync(fd);
      open++;
    } catch {
      // closed
    }
  }
  return open;
}
