import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isIpcError } from '@ipc/core';
import { LatestWriter, Publisher, Region, ring } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { times, type Campaign } from '../campaign.ts';
import { campaignName, workerProgram } from '../worker.ts';

const patienceMs = 30_000;
/** Starts a program, says which process it is, and becomes one that never asks how its children ended. */
const careless = '"$@" & echo $!; exec sleep 1000';

/** C3: a killed process whose parent does not collect it keeps its id, and counts as dead all the same. */
export const unreapedKill: Campaign = {
  name: 'unreaped-kill',
  what: 'kill -9 of a process that others wait for, whose parent leaves it a zombie',
  rounds: 200,
  async run({ rounds }) {
    const name = campaignName('unreaped');
    const violations: string[] = [];
    const notices: number[] = [];
    const message = new Uint8Array(500);
    await using listener = await ring({ capacityBytes: 4096 }).listen(name);
    await using publisher = Publisher.open(name, {
      slots: 4,
      maxMessageBytes: 500,
      overflow: 'wait',
      lifetime: 'while-open',
    });
    using mutex = Mutex.openOrCreate(name);
    for (let round = 0; round < rounds; round++) {
      const wrong = (what: string): void => void violations.push(`round ${round}: ${what}`);
      const accepted = listener.accept();
      const parent = spawn(
        'sh',
        ['-c', careless, 'sh', process.execPath, workerProgram('corpse-to-be'), name],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
      const pid = Number((await lines.next()).value);
      await using channel = await accepted;
      await lines.next();

      while (channel.trySend(message));
      while (publisher.trySend(message));
      const signal = AbortSignal.timeout(patienceMs);
      const killedAt = performance.now();
      const noticed = (): void => void notices.push(performance.now() - killedAt);
      const ends = [
        channel.send(message, { signal }).then(
          () => {
            wrong('sent to nobody');
          },
          (error: unknown) => {
            if (!isIpcError(error, 'ERR_IPC_PEER_GONE')) wrong(`ring: ${String(error)}`);
          },
        ),
        publisher.send(message, { signal }).catch((error: unknown) => {
          wrong(`broadcast: ${String(error)}`);
        }),
        mutex.acquire({ signal }).then(
          (held) => {
            if (!held.abandoned) wrong('the mutex was not told as abandoned');
            held.release();
          },
          (error: unknown) => {
            wrong(`mutex: ${String(error)}`);
          },
        ),
      ].map((end) => end.then(noticed));
      process.kill(pid, 'SIGKILL');
      await Promise.all(ends);
      if (!/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) wrong('it is no zombie');
      try {
        LatestWriter.open(name, { maxBytes: 8 }).close();
      } catch (error) {
        wrong(`latest value: ${String(error)}`);
      }
      const exited = once(parent, 'exit');
      parent.kill('SIGKILL');
      await exited;
    }
    Region.unlink(name, 'latest');
    mutex.close();
    Mutex.unlink(name);
    return {
      figure: `${rounds} zombies; ring, broadcast, mutex and latest value went on, from kill to notice ${times(notices)}`,
      violations,
    };
  },
};
