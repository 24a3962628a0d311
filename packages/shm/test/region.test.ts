import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  chownSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { duplicate, memfdCreate } from '@ipc/native';
import { layout, Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { kind, newName, owned, pathOf, peers, workers } from './regions.ts';

noLeaks();

test('what one opener writes, another reads', () => {
  const name = newName();
  const ours = owned(
    Region.create(name, { kind, bytes: 1000, initialise: (region) => (region.words[7] = 7) }),
  );
  const theirs = owned(Region.open(name, { kind }));
  expect(ours.created).toBe(true);
  expect(theirs.created).toBe(false);
  expect(theirs.bytes).toBe(1000);
  expect(theirs.bytesView).toHaveLength(1000);
  expect(theirs.words).toHaveLength(250);
  expect(theirs.words[7]).toBe(7);
  expect(theirs.generation).toBe(ours.generation);
  expect(theirs.generation).toMatch(/^[0-9a-f]{16}$/);
  expect(theirs.creatorPid).toBe(process.pid);
  Atomics.store(theirs.words, 8, -5);
  expect(Atomics.load(ours.words, 8)).toBe(-5);
  expect(ours.view.getInt32(32, true)).toBe(-5);
  expect(ours.buffer.byteLength - ours.offset).toBe(1000);
  expect(ours.offset % 128).toBe(0);
});

test('atomics on it are atomic between processes', async () => {
  const name = newName();
  const region = owned(Region.create(name, { kind, bytes: 64 }));
  const both = await peers(2);
  await Promise.all(both.map((peer) => peer.call('openOrCreate', name, { kind, bytes: 64 })));
  await Promise.all(both.map((peer) => peer.call('add', 3, 500_000)));
  expect(Atomics.load(region.words, 3)).toBe(1_000_000);
});

test('of many processes that open or create one name at once, exactly one creates', async () => {
  const crowd = await peers(8);
  for (let round = 0; round < 20; round++) {
    const name = newName();
    const results = (await Promise.all(
      crowd.map((peer) => peer.call('openOrCreate', name, { kind, bytes: 4096 })),
    )) as { created: boolean; generation: string }[];
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map(({ generation }) => generation)).size).toBe(1);
    Region.unlink(name, kind);
  }
});

test('a creator killed at any time leaves nothing that is half made', async () => {
  const name = newName();
  for (const [round, peer] of (await peers(6)).entries()) {
    void peer.call('churn', name, { kind, bytes: 1 << 20 }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, round * 6));
    await peer.kill();
    const region = Region.openOrCreate(name, { kind, bytes: 1 << 20 });
    expect(region.bytes).toBe(1 << 20);
    region.close();
    Region.unlink(name, kind);
  }
});

test('create refuses a name in use; open one that is not there', () => {
  const name = newName();
  owned(Region.create(name, { kind, bytes: 1 }));
  expect(() => Region.create(name, { kind, bytes: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_EXISTS' }),
  );
  expect(() => Region.open(uniqueName(), { kind })).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }),
  );
  expect(Region.unlink(uniqueName(), kind)).toBe(false);
});

test('what initialise throws comes out, and nothing is left', () => {
  const name = newName();
  const broken = { kind, bytes: 8, initialise: () => { throw new Error('no'); } }; // prettier-ignore
  expect(() => Region.create(name, broken)).toThrow('no');
  expect(() => Region.open(name, { kind })).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));
  expect(() => Region.anonymous(broken)).toThrow('no');
});

test('the mode is exact whatever the umask, and 0600 by default', () => {
  const before = process.umask(0o077);
  try {
    const wide = newName();
    owned(Region.create(wide, { kind, bytes: 8, mode: 0o666 }));
    expect(statSync(pathOf(wide)).mode & 0o777).toBe(0o666);
    process.umask(0);
    const narrow = newName();
    owned(Region.create(narrow, { kind, bytes: 8 }));
    expect(statSync(pathOf(narrow)).mode & 0o777).toBe(0o600);
  } finally {
    process.umask(before);
  }
});

test('identity is checked, with the difference in words', () => {
  const name = newName();
  owned(Region.create(name, { kind, bytes: 8, version: 3 }));
  expect(() => Region.open(name, { kind, version: 4 })).toThrow('layout version is 3, expected 4');
  expect(() => Region.open(name, { kind, version: 3, layout: layout({ a: 'u8' }) })).toThrow(
    expect.objectContaining({
      code: 'ERR_IPC_MISMATCH',
      message: expect.stringContaining('has no layout') as string,
    }),
  );
});

test('every byte of the header counts: one changed is an error, and nothing is attached', () => {
  const name = newName();
  const path = pathOf(name);
  Region.create(name, { kind, bytes: 100 }).close();
  const fd = openSync(path, 'r+');
  onTestFinished(() => {
    closeSync(fd);
  });
  const good = Region.open(name, { kind });
  const header = new Uint8Array(good.buffer.slice(0, good.offset));
  good.close();
  for (let at = 0; at < header.length; at++) {
    for (const flip of [1, 0x80]) {
      writeSync(fd, Uint8Array.of((header[at] as number) ^ flip), 0, 1, at);
      expect(() => Region.open(name, { kind }), `byte ${at}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_IPC_(MISMATCH|CORRUPT)$/) as string }),
      );
    }
    writeSync(fd, header, at, 1, at);
  }
  Region.open(name, { kind }).close();
});

test('a truncated, enlarged or foreign object is refused', () => {
  const name = newName();
  Region.create(name, { kind, bytes: 8192 }).close();
  for (const size of [8192 + 127, 8192 + 129, 128]) {
    truncateSync(pathOf(name), size);
    expect(() => Region.open(name, { kind })).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
  }
  for (const content of ['', 'short', 'x'.repeat(500)]) {
    writeFileSync(pathOf(name), content);
    expect(() => Region.open(name, { kind })).toThrow(expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }));
  }
});

test('a read-only mapping sees what others write', () => {
  const name = newName();
  const region = owned(Region.create(name, { kind, bytes: 8 }));
  const reading = owned(Region.open(name, { kind, readOnly: true }));
  region.bytesView[0] = 9;
  expect(reading.bytesView[0]).toBe(9);
});

test('an unlinked region lives on for those who have it, and tells', () => {
  const name = newName();
  const region = owned(Region.create(name, { kind, bytes: 8 }));
  expect(region.unlinked).toBe(false);
  unlinkSync(pathOf(name)); // as a Python that merely attached does
  expect(region.unlinked).toBe(true);
  const next = owned(Region.create(name, { kind, bytes: 8 }));
  expect(next.generation).not.toBe(region.generation);
});

test('closing twice is fine; afterwards the descriptor is refused and views stay valid', () => {
  const region = Region.anonymous({ kind, bytes: 8 });
  const { words } = region;
  words[0] = 5;
  region.close();
  region.close();
  expect(region.isOpen).toBe(false);
  expect(() => region.descriptor).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  expect(words[0]).toBe(5);
});

test('an anonymous region is shared by its descriptor, and cannot be resized', () => {
  const region = owned(Region.anonymous({ kind, bytes: 4096 }));
  expect(() => {
    truncateSync(`/proc/self/fd/${region.descriptor}`, 0);
  }).toThrow('EPERM');
  const same = owned(Region.fromDescriptor(duplicate(region.descriptor), { kind }));
  region.words[5] = 55;
  expect(same.words[5]).toBe(55);
  expect(same.name).toBeUndefined();
});

test('an unsealed or foreign descriptor is refused, and closed', () => {
  for (const fd of [memfdCreate('unsealed'), openSync('/proc/self/exe', 'r')]) {
    expect(() => Region.fromDescriptor(fd, { kind })).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }),
    );
    expect(() => {
      closeSync(fd);
    }).toThrow('EBADF');
  }
});

test('bad arguments are the caller’s bug', () => {
  expect(() => Region.create('a/b', { kind, bytes: 8 })).toThrow(TypeError);
  expect(() => Region.create(newName(), { kind: 'Not Good', bytes: 8 })).toThrow(TypeError);
  for (const bytes of [0, -1, 1.5, NaN, 2 ** 48]) {
    expect(() => Region.create(newName(), { kind, bytes })).toThrow(RangeError);
    expect(() => Region.anonymous({ kind, bytes })).toThrow(RangeError);
  }
});

test('a region larger than /dev/shm is a limit that names what there is and what it takes', () => {
  expect(() => Region.create(newName(), { kind, bytes: 2 ** 46 })).toThrow(
    expect.objectContaining({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringMatching(
        /needs 70368744177792 bytes; \/dev\/shm has \d+ of \d+ left: .*mount -o remount/,
      ) as string,
    }),
  );
});

test('a full /dev/shm: a thousand failures, no crash, nothing left', (context) => {
  context.skip(process.getuid?.() !== 0, 'only root can mount a small one');
  const folder = mkdtempSync('/tmp/ipc-region-');
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const script = fileURLToPath(new URL('region-full.js', workers));
  const output = execFileSync(
    'unshare',
    [
      '-m',
      'sh',
      '-c',
      'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$0" "$1"',
      process.execPath,
      script,
    ],
    { encoding: 'utf8' },
  );
  expect(JSON.parse(output)).toEqual({
    codes: ['ERR_IPC_LIMIT'],
    message: expect.stringContaining('/dev/shm has 1048576 of 1048576 left') as string,
    left: [],
    used: 0,
  });
});

const strangerScript = fileURLToPath(new URL('region-stranger.js', workers));
const asStranger = (gid: number, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync('setpriv', ['--reuid=65533', `--regid=${gid}`, '--clear-groups', process.execPath, ...args], {
    encoding: 'utf8',
  });

// Others may not be allowed to read where this is checked out.
test('another user opens what mode, group and it itself allow, and removes nothing', (context) => {
  context.skip(
    asStranger(65_533, strangerScript, 'none').status !== 0,
    'no process can be run as another user',
  );
  const name = newName();
  const group = 65_534;
  const region = owned(Region.create(name, { kind, bytes: 8, mode: 0o660, group, lifetime: 'while-open' }));
  expect(statSync(pathOf(name))).toMatchObject({ gid: group });
  expect(statSync(pathOf(name)).mode & 0o777).toBe(0o660);
  const stranger = (gid: number): unknown => JSON.parse(asStranger(gid, strangerScript, name).stdout);
  // Its owner is root, whom everybody trusts anyway.
  expect(stranger(group)).toEqual({
    open: '[object Object]',
    suspicious: 'ERR_IPC_PERMISSION',
    trusting: '77',
    unlink: 'ERR_IPC_PERMISSION',
    list: 1,
  });
  expect(region.words[0]).toBe(77);
  expect(stranger(65_533)).toMatchObject({
    open: 'ERR_IPC_PERMISSION',
    trusting: 'ERR_IPC_PERMISSION',
    list: 0,
  });
  chownSync(pathOf(name), 4242, group);
  expect(stranger(group)).toMatchObject({
    open: 'ERR_IPC_PERMISSION',
    suspicious: '[object Object]',
    trusting: '77',
  });
  const { words } = region; // the mapping stays
  region.close(); // as root, to whom everything belongs
  expect(words[0]).toBe(77);
  expect(Region.list().filter((found) => found.name === name)).toEqual([]);
});
