/** A thread that opens regions and is terminated: `region-thread <name>`; prints what of them the process has open before and after. */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { Region } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);
const open = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /ipc-test|\/dev\/shm/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // the fd of the listing itself
    }
  }).length;

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: [name] });
  await once(worker, 'message');
  const during = open();
  await worker.terminate();
  const [found] = Region.list().filter((region) => region.name === name);
  console.log(JSON.stringify({ during, after: open(), inUse: found?.inUse }));
} else {
  const kept = [
    Region.create(name, { kind: 'test', bytes: 64 }),
    Region.open(name, { kind: 'test' }),
    Region.anonymous({ kind: 'test', bytes: 64 }),
  ];
  Region.open(name, { kind: 'test' }).close();
  parentPort?.postMessage('open');
  setInterval(() => kept, 10_000); // what is dropped may be collected and closed before anybody counts
}
