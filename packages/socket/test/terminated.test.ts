import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { seqpacket, unix } from '@ipc/socket';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

test('a thread that is terminated leaves no socket open, and its names can be had again', async () => {
  const before = sockets();
  for (let round = 0; round < 3; round++) {
    const name = uniqueName('terminated');
    const thread = new Worker(new URL('../dist-test/workers/terminated.js', import.meta.url), {
      argv: [name],
    });
    await once(thread, 'message');
    expect(sockets().length).toBeGreaterThan(before.length);
    await thread.terminate();
    expect(sockets()).toEqual(before);
    await (await unix().listen(`${name}-stream`)).close();
    await (await seqpacket().listen(`${name}-packets`)).close();
  }
});

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
