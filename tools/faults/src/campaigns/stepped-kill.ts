import { execFile, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { partsOf, type Campaign, type CampaignOptions, type Findings } from '../campaign.ts';
import { steps, type Step } from '../steps.ts';
import { campaignName, startWorker } from '../worker.ts';

const parts = steps.map(({ name }) => name);
const source = fileURLToPath(new URL('../../src/peers/stepper.c', import.meta.url));

interface Granularity {
  readonly kind: 'instruction' | 'call' | 'change';
  /** How often the step is done before, so that its code is compiled, and while it is counted. */
  readonly warmUp: number;
  readonly times: number;
}

interface RandomPoints extends Granularity {
  /** Where it ends, as long as nobody has seen that. */
  readonly firstGuess: number;
}

/** C4: killed between any two machine instructions of what every structure does all the time. */
export const instructionKill: Campaign = {
  name: 'instruction-kill',
  what: 'kill -9 after the k-th machine instruction of locks, map, queues, latest value and regions, in code that runs hot',
  rounds: 800,
  parts,
  run: (options) => run(options, { kind: 'instruction', warmUp: 5_000, times: 20, firstGuess: 20_000 }),
};

/** C5: killed at any system call of creating, opening, using and closing. */
export const callKill: Campaign = {
  name: 'call-kill',
  what: 'kill -9 at the k-th system call of making, opening and closing regions, and of the first use of all else',
  rounds: 400,
  parts,
  run: (options) => run(options, { kind: 'call', warmUp: 0, times: 2, firstGuess: 250 }),
};

/**
 * C4, all of it: a window of what each structure does, killed wherever that makes a difference to anybody else, one after the other.
 *
 * The window is as many uses as there are kinds of them, in code that runs hot. A round is the same change of every structure: one that was
 * interrupted goes on with `from` the last one told.
 */
export const everyKill: Campaign = {
  name: 'every-kill',
  what: 'kill -9 after each machine instruction that changes shared memory or calls the kernel, structure by structure',
  rounds: 100_000,
  isResumable: true,
  parts,
  async run({ rounds, from = 1, only, onProgress }) {
    using stepper = buildStepper();
    const violations: string[] = [];
    const left = new Set(partsOf(steps, only));
    const windows: string[] = [];
    let killed = 0;
    let change = from;
    for (; left.size > 0 && killed < rounds; change++) {
      for (const step of left) {
        if (killed === rounds) break;
        const { outcome, wrong } = await killAndVerify(stepper.path, step, change, change, {
          kind: 'change',
          warmUp: 5_000,
          times: step.kinds ?? 1,
        });
        if (wrong !== undefined) violations.push(`${step.name}, change ${change}: ${wrong}`);
        onProgress?.(`${step.name}, change ${change}: ${outcome.trim()}, ${wrong ?? 'all well'}`);
        const [, end, instructions] = /^ended (\d+) (\d+)/.exec(outcome) ?? [];
        if (end === undefined || instructions === undefined) killed++;
        else if (left.delete(step)) windows.push(`${step.name} ${end} of ${instructions}`);
      }
    }
    const open =
      left.size === 0
        ? []
        : [`not beyond change ${change - 1}: ${Array.from(left, ({ name }) => name).join(', ')}`];
    return {
      figure: `${killed} kills, after each change from ${from} on in a window of so many instructions: ${[...windows, ...open].join(', ')}; the next process went on each time`,
      violations,
    };
  },
};

interface Stepper extends Disposable {
  readonly path: string;
}

function buildStepper(): Stepper {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-stepper-'));
  const path = join(folder, 'stepper');
  const remove = (): void => {
    rmSync(folder, { recursive: true });
  };
  try {
    execFileSync('cc', ['-O1', '-o', path, source], { stdio: 'inherit' });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, [Symbol.dispose]: remove };
}

async function run({ rounds, random, only }: CampaignOptions, granularity: RandomPoints): Promise<Findings> {
  using stepper = buildStepper();
  const violations: string[] = [];
  const wanted = partsOf(steps, only);
  const ends = new Map<Step, number>();
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    const step = wanted[round % wanted.length] as Step; // below its length
    const point = 1 + Math.floor(random() * (ends.get(step) ?? granularity.firstGuess));
    const { outcome, wrong } = await killAndVerify(stepper.path, step, round, point, granularity);
    const end = /^ended (\d+)/.exec(outcome)?.[1];
    if (end === undefined) killed++;
    else ends.set(step, Number(end));
    if (wrong !== undefined) violations.push(`${step.name}, ${granularity.kind} ${point}: ${wrong}`);
  }
  const seen = [...ends].map(([{ name }, end]) => `${name} ${end}`).join(', ');
  return {
    figure: `${killed} kills at one of about so many ${granularity.kind}s: ${seen}; the next process went on each time`,
    violations,
  };
}

async function killAndVerify(
  stepper: string,
  step: Step,
  round: number,
  point: number,
  granularity: Granularity,
): Promise<{ outcome: string; wrong: string | undefined }> {
  const name = campaignName(`${step.name}-${round}`);
  const outcome = await killAt(stepper, step, name, point, granularity);
  const wrong = await Promise.resolve(step.verify(name)).catch(String);
  step.unlink(name);
  return { outcome, wrong };
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
  const files = kind === 'change' ? sharedFiles(worker) : [];
  const { stdout } = await promisify(execFile)(stepper, [String(worker.pid), kind, String(point), ...files]);
  await exited;
  return stdout;
}

/** What it has mapped and others may have too, by path. Which name a mapping had when it was made does not matter: the inode does. */
function sharedFiles({ pid }: ChildProcess): string[] {
  const maps = readFileSync(`/proc/${pid}/maps`, 'latin1');
  const inodes = new Set(Array.from(maps.matchAll(/ rw-s \w+ \S+ (\d+)/g), ([, inode]) => Number(inode)));
  const paths = readdirSync('/dev/shm').map((name) => `/dev/shm/${name}`);
  return paths.filter((path) => inodes.has(statSync(path, { throwIfNoEntry: false })?.ino ?? -1));
}

/** Waits until it has stopped itself. */
async function stopped(worker: ChildProcess): Promise<void> {
  while (!readFileSync(`/proc/${worker.pid}/stat`, 'latin1').includes(') T '))
    await new Promise((resolve) => setTimeout(resolve, 1));
}
