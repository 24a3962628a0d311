import { once } from 'node:events';
import { constants, openSync, readdirSync, readlinkSync, unlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { pathOf } from '@ipc/core';
import { close } from '@ipc/native';
import { createFifo, fifo, openFifoReceiver } from '@ipc/pipe';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

describe('a thread that is terminated leaves no pipe open', () => {
  test('while it listens for the peer of a FIFO, whose name can be had again', async () => {
    const name = uniqueName('listening');
    const [before, during, after] = await openAround('listening', name);
    expect(during).toEqual([...before, 'back.fifo', 'there.fifo', 'there.fifo'].sort());
    expect(after).toEqual(before);
    await expect(fifo().connect(name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
    await (await fifo().listen(name)).close();
  });

  test('while it waits for the answer of a listener', async () => {
    const name = uniqueName('connecting');
    const paths = ['there.fifo', 'back.fifo'].map((suffix) => pathOf(name, suffix));
    for (const path of paths) createFifo(path);
    const fds = paths.map((path) => openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
    const [before, during, after] = await openAround('connecting', name);
    expect(during).toEqual([...before, 'back.fifo', 'there.fifo'].sort());
    expect(after).toEqual(before);
    fds.forEach(close);
    paths.forEach(unlinkSync);
  });

  test('while it receives from many, whose name can be had again', async () => {
    const name = uniqueName('receiving');
    const [before, during, after] = await openAround('receiving', name);
    expect(during).toEqual([...before, 'fifo', 'fifo'].sort());
    expect(after).toEqual(before);
    await (await openFifoReceiver(name)).close();
  });

  test('but the end it has given away', async () => {
    const name = uniqueName('holding');
    const [before, during, after] = await openAround('holding', name, () => openFiles('pipe:'));
    expect(during.length).toBeGreaterThanOrEqual(before.length + 4); // a thread has pipes of its own
    expect(after.length).toBe(before.length + 1);
  });
});

type Look = () => string[];

/** What `look` sees before there is such a thread, while it is there, and when it was terminated. */
async function openAround(
  place: string,
  name: string,
  look: Look = () => openFiles(`${name}.`),
): Promise<[before: string[], during: string[], after: string[]]> {
  const before = look();
  const file = new URL('../dist-test/workers/terminated.js', import.meta.url);
  const thread = new Worker(file, { argv: [place, name] });
  const [given] = (await once(thread, 'message')) as [number];
  const during = look();
  await thread.terminate();
  const after = look();
  if (given !== -1) close(given);
  return [before, during, after];
}

/** What of this process is open under a name that has `part`: what comes behind that. */
function openFiles(part: string): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        const [, rest] = readlinkSync(`/proc/self/fd/${fd}`).split(part);
        return rest === undefined || rest === 'fifo.lock' ? [] : [rest];
      } catch {
        return []; // the descriptor of the listing itself
      }
    })
    .sort();
}
