/** Opens regions and forgets them: `region-dropped <name>`; prints how many descriptors that costs, and for how long. */
import { readdirSync, readlinkSync } from 'node:fs';
import { Region } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const found = (): number => Region.list().filter((region) => region.name === name).length;
const open = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /ipc-test|\/dev\/shm/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // the fd of the listing itself
    }
  }).length;

/** Collects until that many are open; what is collected is closed a turn later. */
async function collect(target: number): Promise<number> {
  for (let tries = 0; tries < 200 && open() > target; tries++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return open();
}

function forget(): Int32Array {
  for (let i = 0; i < 50; i++) Region.anonymous({ kind: 'test', bytes: 64 });
  return Region.create(name, { kind: 'test', bytes: 64, lifetime: 'while-open' }).words;
}

const held: { words: Int32Array | undefined } = { words: forget() };
const opened = open();
const kept = await collect(1);
const inUse = Region.list().find((region) => region.name === name)?.inUse;
held.words = undefined;
const after = await collect(0);
console.log(JSON.stringify({ opened, kept, inUse, after, left: found() }));
