/** In a namespace of process ids of its own: kills a holder, gives its id to a stranger, and takes over what it held. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { LatestWriter, Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const rounds = Number(process.argv[2]);
const name = campaignName('reuse');
const violations: string[] = [];
let reused = 0;

/** A process that has nothing to do with us, and that id if nobody was quicker. */
async function strangerWith(pid: number): Promise<ChildProcess> {
  writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(stranger, 'spawn');
  return stranger;
}

const mutex = Mutex.openOrCreate(name);
for (let round = 0; round < rounds; round++) {
  const holder = await startWorker('holder', name);
  await endWorker(holder);
  const stranger = await strangerWith(holder.pid ?? 0);
  if (stranger.pid === holder.pid) reused++;
  const held = mutex.acquireSync({ timeoutMs: 5000 });
  if (held?.abandoned !== true)
    violations.push(
      `round ${round}: the mutex of ${holder.pid} was ${held === undefined ? 'kept' : 'not told'}`,
    );
  held?.release();
  try {
    LatestWriter.open(name, { maxBytes: 8 }).close();
  } catch (error) {
    violations.push(`round ${round}: ${String(error)}`);
  }
  const exited = once(stranger, 'exit');
  stranger.kill('SIGKILL');
  await exited;
}
mutex.close();
Mutex.unlink(name);
Region.unlink(name, 'latest');
process.stdout.write(JSON.stringify({ reused, violations }));
