import { once } from 'node:events';
import { readdirSync, readlinkSync, unlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { pathOf } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo, seqpacket, unix } from '@ipc/socket';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

describe('a thread that is terminated leaves no socket open', () => {
  test('of its listeners and channels, and its names can be had again', async () => {
    const name = uniqueName('terminated');
    for (let round = 0; round < 3; round++) {
      await terminateIn('connected', name);
      await (await unix().listen(`${name}-stream`)).close();
      await (await seqpacket().listen(`${name}-packets`)).close();
    }
  });

  test('while its peer decides on who has connected', async () => {
    const name = uniqueName('admitting');
    await terminateIn('admitting', name);
    await (await unix().listen(name)).close();
  });

  test('while it waits to be taken off a full backlog', async () => {
    const name = uniqueName('connecting');
    const fds = [native.socket('stream')];
    const path = pathOf(name, 'sock');
    native.bind(fds[0] ?? -1, path);
    native.listen(fds[0] ?? -1, 0);
    do fds.unshift(native.socket('stream'));
    while (native.connect(fds[0] ?? -1, path));
    await terminateIn('connecting', name);
    fds.forEach(letGo);
    unlinkSync(path);
  });
});

/** A thread that arrives there has more sockets open than there were; they are gone with it. */
async function terminateIn(place: string, name: string): Promise<void> {
  const before = sockets();
  const thread = new Worker(new URL('../dist-test/workers/terminated.js', import.meta.url), {
    argv: [place, name],
  });
  await once(thread, 'message');
  expect(sockets().length).toBeGreaterThan(before.length);
  await thread.terminate();
  expect(sockets()).toEqual(before);
}

function sockets(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith('socket:') ? [target] : [];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
}
