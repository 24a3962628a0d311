import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Region } from '@ipc/shm';
import { noLeaks, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { kind, newName, owned, pathOf, peers, workers } from './regions.ts';

noLeaks();

test('a while-open region goes with its last user', () => {
  const name = newName();
  const options = { kind, bytes: 8, lifetime: 'while-open' } as const;
  const first = Region.create(name, options);
  const second = Region.open(name, { kind });
  const { words } = first; // the mapping stays
  first.close();
  Region.open(name, { kind }).close();
  second.close();
  expect(() => Region.open(name, { kind })).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));
  expect(words[0]).toBe(0);
});

test.each(['open', 'create', 'openOrCreate'] as const)(
  'what killed users left of a while-open region is absent for %s',
  async (spelling) => {
    const name = newName();
    const options = { kind, bytes: 8, lifetime: 'while-open' } as const;
    const [peer] = (await peers(1)) as [Peer];
    const { generation } = (await peer.call('openOrCreate', name, options)) as { generation: string };
    const shared = Region.open(name, { kind });
    expect(shared.generation).toBe(generation);
    shared.close();
    await peer.kill();
    expect(statSync(pathOf(name)).isFile()).toBe(true);
    if (spelling === 'open') {
      expect(() => Region.open(name, { kind })).toThrow(
        expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }),
      );
    } else {
      const region = owned(Region[spelling](name, options));
      expect(region.created).toBe(true);
      expect(region.generation).not.toBe(generation);
    }
  },
);

test('what a terminated worker thread had open is closed, and counts as unused', () => {
  const name = newName();
  const script = fileURLToPath(new URL('region-thread.js', workers));
  const output = execFileSync(process.execPath, [script, name], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({ during: 3, after: 0, inUse: false });
});

test('regions dropped without a word are in use while a view is left, and then closed', () => {
  const name = newName();
  const script = fileURLToPath(new URL('region-dropped.js', workers));
  const output = execFileSync(process.execPath, ['--expose-gc', script, name], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({ opened: 51, kept: 1, inUse: true, after: 0, left: 0 });
});

test('what is left of regions that were refused closes no descriptor that others have by now', () => {
  const script = fileURLToPath(new URL('region-refused.js', workers));
  const output = execFileSync(process.execPath, ['--expose-gc', script, newName()], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({ collected: 40, closed: 0 });
});

test('unlink can be told to leave alone what somebody has open', () => {
  const name = newName();
  const region = owned(Region.create(name, { kind, bytes: 8 }));
  const { words } = region; // the mapping stays
  expect(Region.unlink(name, kind, { ifUnused: true })).toBe(false);
  region.close();
  expect(Region.unlink(name, kind, { ifUnused: true })).toBe(true);
  expect(Region.unlink(name, kind, { ifUnused: true })).toBe(false);
  expect(words[0]).toBe(0);
});
