/** Opens and closes regions in every way, `region-cycles <rounds> <name>`; prints what the process has open before and after. */
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { Region } from '@ipc/shm';

const [rounds = '', name = ''] = process.argv.slice(2);
const options = { kind: 'faults', bytes: 64 } as const;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openAndClose(folder: string): void {
  {
    using created = Region.create(name, options);
    using _opened = Region.open(name, { ...options, readOnly: true });
    Region.unlink(name, options.kind);
    created.bytesView[0] = 1;
  }
  using anonymous = Region.anonymous(options);
  using _passed = Region.fromDescriptor(openSync(`/proc/self/fd/${anonymous.descriptor}`, 'r+'), options);
  using _file = Region.openOrCreate({ path: join(folder, 'cycle') }, options);
}

/** Descriptors, and mappings that are regions. */
function held(): { descriptors: number; mappings: number; names: number } {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: maps.split('\n').filter((line) => /ipc-faults|\/dev\/shm|cycle/.test(line)).length,
    names: readdirSync('/dev/shm').filter((entry) => entry.includes(name)).length,
  };
}

async function settled(before: ReturnType<typeof held>): Promise<ReturnType<typeof held>> {
  for (let tries = 0; tries < 500; tries++) {
    globalThis.gc?.();
    await nextTurn();
    const now = held();
    if (now.descriptors <= before.descriptors && now.mappings <= before.mappings) return now;
  }
  return held();
}

async function terminateOne(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { argv: [rounds, `${name}-thread`] });
  await once(worker, 'message');
  await worker.terminate();
}

if (isMainThread) {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-cycles-'));
  try {
    openAndClose(folder);
    await terminateOne(); // Node itself opens something for the first thread, and keeps it
    Region.reclaim();
    const before = await settled({ descriptors: Infinity, mappings: 0, names: 0 });
    for (let round = 0; round < Number(rounds); round++) {
      openAndClose(folder);
      if (round % 10 === 0) Region.anonymous(options); // dropped
      if (round % 50 === 0) await nextTurn();
    }
    for (let round = 0; round < Number(rounds) / 1000; round++) await terminateOne();
    Region.reclaim();
    console.log(JSON.stringify({ before, after: await settled(before) }));
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  Region.openOrCreate(name, { ...options, lifetime: 'while-open' });
  Region.anonymous(options);
  parentPort?.postMessage('open');
  setInterval(() => undefined, 10_000);
}
