/**
 * Fails to make regions, and has other files open under the same numbers when what was half made is collected:
 * `region-refused <name>`; prints how many of those files were closed by that.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { Region } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const collected = { count: 0 };
const registry = new FinalizationRegistry(() => collected.count++);
const options = { kind: 'test', bytes: 64 } as const;

function refuse(make: (initialise: (region: Region) => void) => Region): void {
  try {
    make((region) => {
      registry.register(region.buffer, undefined);
    });
  } catch {
    return; // refused, as it should be
  }
  throw new Error('a region was made');
}

const fail = (): never => {
  throw new Error('not today');
};
using existing = Region.create(name, options);
for (let i = 0; i < 20; i++) {
  refuse((initialise) => Region.create(name, { ...options, initialise }));
  refuse((initialise) =>
    Region.anonymous({
      ...options,
      initialise: (region) => {
        initialise(region);
        fail();
      },
    }),
  );
}
const files = Array.from({ length: 4 }, () => openSync('/dev/null', 'r'));
for (let tries = 0; tries < 1000 && collected.count < 40; tries++) {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await new Promise((resolve) => setTimeout(resolve, 1)); // registries are served one after the other
const closed = files.filter((fd) => {
  try {
    fstatSync(fd);
    return false;
  } catch {
    return true;
  }
});
for (const fd of files) if (!closed.includes(fd)) closeSync(fd);
Region.unlink(name, existing.kind);
console.log(JSON.stringify({ collected: collected.count, closed: closed.length }));
