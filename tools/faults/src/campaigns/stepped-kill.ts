import { execFile, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Campaign, Findings, CampaignOptions } from '../campaign.ts';
import { steps, type Step } from '../steps.ts';
import { campaignName, startWorker } from '../worker.ts';

const source = fileURLToPath(new URL('../../src/peers/stepper.c', import.meta.url));

interface Granularity {
  readonly kind: 'instruction' | 'call';
  /** How often the step is done before, so that its code is compiled, and while it is counted. */
  readonly warmUp: number;
  readonly times: number;
  /** Where it ends, as long as nobody has seen that. */
  readonly firstGuess: number;
}

/** C4: killed between any two machine instructions of what every structure does all the time. */
export const instructionKill: Campaign = {
  name: 'instruction-kill',
  what: 'kill -9 after the k-th machine instruction of locks, map, queues, latest value and regions, in code that runs hot',
  rounds: 800,
  run: (options) => run(options, { kind: 'instruction', warmUp: 5_000, times: 60, firstGuess: 150_000 }),
};

/** C5: killed at any system call of creating, opening, using and closing. */
export const callKill: Campaign = {
  name: 'call-kill',
  what: 'kill -9 at the k-th system call of making, opening and closing regions, and of the first use of all else',
  rounds: 400,
  run: (options) => run(options, { kind: 'call', warmUp: 0, times: 2, firstGuess: 250 }),
};

async function run({ rounds, random }: CampaignOptions, granularity: Granularity): Promise<Findings> {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-stepper-'));
  using _folder: Disposable = {
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true });
    },
  };
  const stepper = join(folder, 'stepper');
  execFileSync('cc', ['-O1', '-o', stepper, source], { stdio: 'inherit' });

  const violations: string[] = [];
  const ends = new Map<Step, number>();
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    const step = steps[round % steps.length] as Step; // below its length
    const name = campaignName(`${step.name}-${round}`);
    const point = 1 + Math.floor(random() * (ends.get(step) ?? granularity.firstGuess));
    const outcome = await killAt(stepper, step, name, point, granularity);
    const end = /^ended (\d+)/.exec(outcome)?.[1];
    if (end === undefined) killed++;
    else ends.set(step, Number(end));
    const wrong = await Promise.resolve(step.verify(name)).catch(String);
    if (wrong !== undefined) violations.push(`${step.name}, ${granularity.kind} ${point}: ${wrong}`);
    step.unlink(name);
  }
  const seen = [...ends].map(([{ name }, end]) => `${name} ${end}`).join(', ');
  return {
    figure: `${killed} kills at one of about so many ${granularity.kind}s: ${seen}; the next process went on each time`,
    violations,
  };
}

async function killAt(
  stepper: string,
  step: Step,
  name: string,
  point: number,
  { kind, warmUp, times }: Granularity,
): Promise<string> {
  const count = step.name === 'region' ? Math.min(times, 3) : times;
  const warm = step.name === 'region' ? Math.min(warmUp, 50) : warmUp;
  const worker = await startWorker('stepped', step.name, name, String(warm), String(count));
  const exited = once(worker, 'exit');
  worker.send('go');
  await stopped(worker);
  const { stdout } = await promisify(execFile)(stepper, [String(worker.pid), kind, String(point)]);
  await exited;
  return stdout;
}

/** Waits until it has stopped itself. */
async function stopped(worker: ChildProcess): Promise<void> {
  while (!readFileSync(`/proc/${worker.pid}/stat`, 'latin1').includes(') T '))
    await new Promise((resolve) => setTimeout(resolve, 1));
}
