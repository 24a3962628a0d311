import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Region, type NamedRegionOptions, type RegionName } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName, type Peer } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/region-peer.js', import.meta.url);
const options = { kind: 'test', bytes: 10_000 } as const;

function newFile(): { path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-region-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return { path: join(folder, 'stock.region') };
}

async function peers(count: number): Promise<Peer[]> {
  const all = await Promise.all(Array.from({ length: count }, () => spawnPeer(worker)));
  onTestFinished(async () => {
    await Promise.all(all.map((peer) => peer.kill()));
  });
  return all;
}

const coded = (code: string): unknown => expect.objectContaining({ code });

test('a region in a file of its own keeps what is written, and its reserved blocks', async () => {
  const file = newFile();
  const first = Region.create(file, { ...options, mode: 0o640 });
  expect(first.path).toBe(file.path);
  expect(first.name).toBeUndefined();
  expect(statSync(file.path).mode & 0o777).toBe(0o640);
  expect(statSync(file.path).blocks * 512).toBeGreaterThanOrEqual(10_128);
  first.words[5] = 55;
  await first.sync();
  first.syncSync(20, 4);
  expect(readFileSync(file.path).readInt32LE(128 + 20)).toBe(55);
  expect(readdirSync(join(file.path, '..'))).toEqual(['stock.region']);
  expect(first.unlinked).toBe(false);
  const { generation } = first;
  first.close();

  using again = Region.open(file, { kind: 'test' });
  expect(again.generation).toBe(generation);
  expect(again.words[5]).toBe(55);
  expect(() => Region.create(file, options)).toThrow(coded('ERR_IPC_EXISTS'));
  expect(() => Region.open(file, { kind: 'other' })).toThrow(coded('ERR_IPC_MISMATCH'));
  using reading = Region.open(file, { kind: 'test', readOnly: true });
  expect(reading.words[5]).toBe(55);
  expect(Region.unlink(file, 'test', { ifUnused: true })).toBe(false);
  expect(Region.unlink(file, 'test')).toBe(true);
  expect(again.unlinked).toBe(true);
  expect(() => Region.open(file, { kind: 'test' })).toThrow(coded('ERR_IPC_NOT_FOUND'));
});

test('of many processes that open or create one file at once, exactly one creates', async () => {
  const crowd = await peers(4);
  for (let round = 0; round < 5; round++) {
    const file = newFile();
    const results = (await Promise.all(crowd.map((peer) => peer.call('openOrCreate', file, options)))) as {
      created: boolean;
      generation: string;
    }[];
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map(({ generation }) => generation)).size).toBe(1);
  }
});

test('a while-open file that a killed user left counts as absent', async () => {
  const file = newFile();
  const [peer] = (await peers(1)) as [Peer];
  await peer.call('openOrCreate', file, { ...options, lifetime: 'while-open' });
  await peer.kill();
  expect(statSync(file.path).isFile()).toBe(true);
  using region = Region.openOrCreate(file, { ...options, lifetime: 'while-open' });
  expect(region.created).toBe(true);
});

test('sync and syncSync tell what they cannot do', async () => {
  const region = Region.create(newFile(), options);
  for (const [offset, length] of [
    [-1, 1],
    [0, 10_001],
    [NaN, 1],
  ]) {
    expect(() => {
      region.syncSync(offset, length);
    }).toThrow(RangeError);
  }
  const synced = region.sync();
  region.close();
  await synced; // with a descriptor of its own
  await expect(region.sync()).rejects.toThrow(coded('ERR_IPC_CLOSED'));
  expect(() => {
    region.syncSync();
  }).toThrow(coded('ERR_IPC_CLOSED'));
  using anonymous = Region.anonymous(options);
  await anonymous.sync();
  anonymous.syncSync();
});

test('what cannot hold a region is said so', () => {
  const create = (where: RegionName, more?: Partial<NamedRegionOptions>) => () => {
    Region.create(where, { ...options, ...more });
  };
  const { path } = newFile();
  expect(create({ path: join(path, 'no', 'folder') })).toThrow(coded('ERR_IPC_NOT_FOUND'));
  expect(create({ path: '/proc/ipc-test' })).toThrow(coded('ERR_IPC_UNSUPPORTED'));
  expect(create({ path }, { bytes: 2 ** 46 })).toThrow(
    expect.objectContaining({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringMatching(/needs 70368744177792 bytes; \/.* has \d+ of \d+ left/) as string,
    }),
  );
  for (const where of [{ path: '' }, { path: 'a\0b' }, {}, null, 1])
    expect(create(where as RegionName)).toThrow(TypeError);
  expect(readdirSync(join(path, '..'))).toEqual([]);
});

test.each([
  ['a named region', () => uniqueName('damaged')],
  ['a region in a file of its own', newFile],
])('%s that another process cuts short is damaged, and its user lives', async (_, where) => {
  const [user, vandal] = (await peers(2)) as [Peer, Peer];
  for (const left of [0, 4096, 100_000]) {
    const name = where();
    const own = { kind: 'test', bytes: 1 << 20 };
    const region = Region.create(name, own);
    onTestFinished(() => {
      Region.unlink(name, 'test');
    });
    await user.call('openOrCreate', name, own);
    const using = user.call('useUntilDamaged');
    await vandal.call('truncate', region.path, left);
    expect(await using).toEqual({
      rounds: expect.any(Number) as number,
      intact: 'ERR_IPC_CORRUPT',
      sync: 'ERR_IPC_CORRUPT',
    });
    expect(region.damaged).toBe(true);
    region.close();
    expect(() => region.damaged).toThrow(coded('ERR_IPC_CLOSED'));
    expect(() => Region.open(name, own)).toThrow(/ERR_IPC_(CORRUPT|MISMATCH)|damaged|bytes|not a region/);
  }
});

test('an anonymous region cannot be cut short', () => {
  using region = Region.anonymous(options);
  expect(region.damaged).toBe(false);
  region.assertIntact();
});
