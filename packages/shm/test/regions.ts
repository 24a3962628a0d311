import { Region } from '@ipc/shm';
import { spawnPeer, uniqueName, type Peer } from '@ipc/testkit';
import { afterEach, onTestFinished } from 'vitest';

export const kind = 'test';
export const workers: URL = new URL('../dist-test/workers/', import.meta.url);

export function pathOf(name: string): string {
  return `/dev/shm/ipc-${name}.${kind}`;
}

const made: string[] = [];
afterEach(() => {
  for (const name of made.splice(0)) Region.unlink(name, kind);
});

/** A name whose region is gone after the test. */
export function newName(): string {
  const name = uniqueName('region');
  made.push(name);
  return name;
}

/** A region that is closed after the test. */
export function owned(region: Region): Region {
  onTestFinished(() => {
    region.close();
  });
  return region;
}

export async function peers(count: number): Promise<Peer[]> {
  const all = await Promise.all(
    Array.from({ length: count }, () => spawnPeer(new URL('region-peer.js', workers))),
  );
  onTestFinished(async () => {
    await Promise.all(all.map((peer) => peer.kill()));
  });
  return all;
}
