import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { mkfifo } from '@ipc/native';
import { Publisher, Region } from '@ipc/shm';
import { noLeaks, python, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/region-peer.js', import.meta.url);
const participant = new URL('../dist-test/workers/broadcast-peer.js', import.meta.url);
/** The FIFOs that a process has open. */
const bellsOf = (pid: number): string[] => {
  const folder = `/proc/${pid}/fd`;
  const paths = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`);
    } catch {
      return ''; // that of the folder itself
    }
  });
  return paths.filter((path) => path.startsWith('/dev/shm/ipc-bell-') && !path.endsWith('(deleted)'));
};
/** Other tests leave things too, at the same time. */
const reclaimed = (name: string): unknown[] => Region.reclaim().filter((info) => info.name === name);
const find = (name: string): unknown => Region.list().find((info) => info.name === name);

test('named regions are listed, with whether anybody has them open', () => {
  const name = uniqueName('list');
  const region = Region.create(name, { kind: 'test', bytes: 100 });
  onTestFinished(() => void Region.unlink(name, 'test'));
  const info = {
    name,
    kind: 'test',
    bytes: 100,
    generation: region.generation,
    creatorPid: process.pid,
    uid: process.geteuid?.(),
    lifetime: 'kept',
  };
  expect(find(name)).toEqual({ ...info, inUse: true });
  region.close();
  expect(find(name)).toEqual({ ...info, inUse: false });
  expect(Region.reclaim().map((removed) => removed.name)).not.toContain(name);
  Region.unlink(name, 'test');
  expect(find(name)).toBeUndefined();
});

test('what is damaged, or no region, is left out', () => {
  const name = uniqueName('list');
  writeFileSync(`/dev/shm/ipc-${name}.test`, 'IPCR, but not a region');
  onTestFinished(() => {
    rmSync(`/dev/shm/ipc-${name}.test`);
  });
  expect(find(name)).toBeUndefined();
  Region.reclaim();
});

test('what a killed process left is reclaimed, and nothing that anybody uses', async () => {
  const [left, used] = [uniqueName('left'), uniqueName('used')];
  const options = { kind: 'test', bytes: 64, lifetime: 'while-open' };
  await using peer = await spawnPeer(worker);
  await peer.call('openOrCreate', left, options);
  await peer.call('openOrCreate', used, options);
  using region = Region.open(used, { kind: 'test' });
  expect(reclaimed(left)).toEqual([]);
  await peer.kill();
  expect(find(left)).toMatchObject({ inUse: false, lifetime: 'while-open' });
  expect(reclaimed(left)).toMatchObject([{ name: left, kind: 'test' }]);
  expect(find(left)).toBeUndefined();
  expect(region.unlinked).toBe(false);
});

test('so are the FIFOs by which the dead were woken, and one that was being made', async () => {
  const name = uniqueName('bells');
  await using publisher = Publisher.open(name, {
    slots: 2,
    maxMessageBytes: 8,
    overflow: 'lap',
    lifetime: 'while-open',
  });
  await using peer = await spawnPeer(participant);
  await peer.call('subscriber', name, {});
  const living = bellsOf(process.pid);
  const dead = bellsOf(peer.pid);
  expect(dead).toHaveLength(1);
  await peer.kill();
  const halfMade = `/dev/shm/ipc-bell-${name}.new`;
  mkfifo(halfMade, 0o600);
  Region.reclaim();
  expect([...dead, halfMade].filter(existsSync)).toEqual([]);
  expect(living.length).toBeGreaterThan(0);
  expect(living.filter((path) => !existsSync(path))).toEqual([]);
  expect(publisher.subscribers).toBe(0);
});

test('a Python that attaches and exits may take the name away: `unlinked` tells', (context) => {
  context.skip(python === undefined, 'no Python 3');
  const name = uniqueName('python');
  using region = Region.create(name, { kind: 'test', bytes: 64 });
  onTestFinished(() => void Region.unlink(name, 'test'));
  region.bytesView[0] = 42;
  const program = `
import sys
from multiprocessing import shared_memory
memory = shared_memory.SharedMemory(${JSON.stringify(`ipc-${name}.test`)})
memory.buf[129] = memory.buf[128] + 1
memory.close()
print(sys.version_info < (3, 13))`;
  const { stdout } = spawnSync(python as string, ['-c', program], { encoding: 'utf8' });
  expect(region.bytesView[1]).toBe(43);
  expect(region.unlinked).toBe(stdout.trim() === 'True');
  expect(find(name) === undefined).toBe(region.unlinked);
});
