/** Maps a file that another process then cuts short: `lost-pages <scenario> <file> [foreign addon]`; see lost-pages.test.ts. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { futexWait, futexWake, lostPages, map, unmap } from '@ipc/native';

interface ForeignAddon {
  handle(): void;
  fault(): void;
}

const page = 4096;
const [scenario = '', path = '', addonPath = ''] = process.argv.slice(2);
const foreign = (): ForeignAddon => createRequire(import.meta.url)(addonPath) as ForeignAddon;

/** Four pages of sevens, of which another process then takes all but the first. */
function cutShort(readOnly = false): ArrayBuffer | SharedArrayBuffer {
  writeFileSync(path, new Uint8Array(4 * page).fill(7));
  const fd = openSync(path, 'r+');
  const buffer = map(fd, 4 * page, { readOnly });
  closeSync(fd);
  execFileSync('truncate', ['-s', String(page), path]);
  assert.equal(lostPages(buffer), 0);
  return buffer;
}

function reads(): void {
  const bytes = new Uint8Array(cutShort(true));
  assert.equal(bytes[0], 7);
  assert.equal(bytes[3 * page], 0);
  assert.equal(lostPages(bytes.buffer), 1);
  assert.equal(bytes[3 * page + 1], 0);
  assert.equal(lostPages(bytes.buffer), 1);
  assert.deepEqual(bytes.slice(page, 3 * page), new Uint8Array(2 * page));
  assert.equal(lostPages(bytes.buffer), 3);
}

function writes(): void {
  const bytes = new Uint8Array(cutShort());
  bytes.fill(9, page);
  assert.equal(lostPages(bytes.buffer), 3);
  assert.equal(bytes[4 * page - 1], 9);
  truncateSync(path, 4 * page);
  bytes[page] = 10; // what is lost stays lost
  assert.equal(readFileSync(path)[page], 0);
}

function atomics(): void {
  const words = new Int32Array(cutShort());
  assert.equal(Atomics.add(words, page / 4, 5), 0);
  assert.equal(Atomics.load(words, page / 4), 5);
  assert.equal(futexWait(words, (2 * page) / 4, 0x07070707, -1), 'changed');
  assert.equal(futexWake(words, (3 * page) / 4, 1), 0);
  assert.equal(lostPages(words.buffer), 3);
}

/** What served another mapping before counts from zero. */
function again(): void {
  const buffer = cutShort();
  new Uint8Array(buffer)[page] = 1;
  unmap(buffer);
  assert.equal(lostPages(cutShort()), 0);
}

const scenarios: Record<string, () => void> = {
  pages() {
    reads();
    writes();
    atomics();
    again();
  },

  foreign() {
    assert.equal(new Uint8Array(cutShort())[page], 0);
    foreign().fault();
  },

  chained() {
    foreign().handle();
    assert.equal(new Uint8Array(cutShort())[page], 0);
    foreign().fault();
  },
};

scenarios[scenario]?.();
