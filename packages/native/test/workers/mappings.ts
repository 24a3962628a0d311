/** How many mappings a process holds while it maps and drops; each scenario ends with exit code 0. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker, isMainThread } from 'node:worker_threads';
import { allocate, map, memfdCreate, unmap } from '@ipc/native';

const mebibyte = 1 << 20;
const fd = memfdCreate('counted-mapping');
allocate(fd, mebibyte);

const held = (): number => readFileSync('/proc/self/maps', 'utf8').split('counted-mapping').length - 1;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const touch = (): void => {
  new Uint8Array(map(fd, mebibyte))[1000] = 1;
};

const scenarios: Record<string, () => Promise<void> | void> = {
  async flat() {
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      touch();
      await nextTurn();
      if (i % 50 === 0) most = Math.max(most, held());
    }
    assert(most < 500, `${most} mappings at once`);
  },

  async collected() {
    for (let i = 0; i < 100; i++) touch();
    for (let i = 0; i < 10 && held() > 0; i++) {
      globalThis.gc?.();
      await nextTurn();
    }
    assert.equal(held(), 0);
  },

  unmapped() {
    for (let i = 0; i < 2000; i++) {
      const buffer = map(fd, mebibyte);
      unmap(buffer);
      if (buffer instanceof ArrayBuffer) assert.equal(held(), 0);
    }
  },

  async thread() {
    for (let i = 0; i < 10; i++) {
      const worker = new Worker(new URL(import.meta.url));
      const [code] = (await once(worker, 'exit')) as [number];
      assert.equal(code, 0);
    }
    assert.equal(held(), 0);
  },
};

if (isMainThread) await scenarios[process.argv[2] ?? '']?.();
else for (let i = 0; i < 20; i++) touch();
