import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { Region } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** H2: who truncates what others have mapped harms nobody's process; a sealed region cannot be truncated. */
export const regionCutShort: Campaign = {
  name: 'region-cut-short',
  what: 'a named region truncated while another process writes and reads it, an anonymous one refused to be',
  rounds: 1000,
  async run({ rounds, random }) {
    const violations: string[] = [];
    let refused = 0;
    const worker = await startWorker('region-user');
    try {
      for (let round = 0; round < rounds; round++) {
        const name = campaignName(`cut-${round}`);
        using region = Region.create(name, {
          kind: 'faults',
          bytes: 1 + Math.floor(random() * 200_000),
          lifetime: 'while-open',
        });
        worker.send(name);
        await said(worker); // it is at it
        truncateSync(`/dev/shm/ipc-${name}.faults`, Math.floor(random() * (128 + region.bytes)));
        const code = await said(worker);
        if (code !== 'ERR_IPC_CORRUPT') violations.push(`round ${round}: ${String(code)}`);

        using sealed = Region.anonymous({ kind: 'faults', bytes: region.bytes });
        try {
          truncateSync(`/proc/self/fd/${sealed.descriptor}`, 0);
          violations.push(`round ${round}: a sealed region was truncated`);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EPERM') refused++;
        }
      }
    } catch (error) {
      violations.push(String(error));
    } finally {
      await endWorker(worker);
    }
    return {
      figure: `${rounds} named regions: ${rounds - violations.length} told as ERR_IPC_CORRUPT, by one process that lived; ${refused} sealed ones refused`,
      violations,
    };
  },
};

async function said(worker: ChildProcess): Promise<unknown> {
  const gone = new AbortController();
  try {
    const [message] = (await Promise.race([
      once(worker, 'message', { signal: gone.signal }),
      once(worker, 'exit', { signal: gone.signal }).then(([code, signal]) => {
        throw new Error(`the user of the region ended: ${String(code ?? signal)}`);
      }),
    ])) as [unknown];
    return message;
  } finally {
    gone.abort();
  }
}
