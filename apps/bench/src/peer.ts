/**
 * One of the measured processes (or a thread, where the subject is one): opens the subject, pins itself, and runs
 * what the bench orders until it is told to close or the bench is gone.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { Control, dialControl, type Order, type Report } from './control.ts';
import { pinThread } from './pin.ts';
import { removeOrphan } from './orphan.ts';
import { loadScenario, scenarioOf } from './scenarios/index.ts';
import type { CellRequest, Sample } from './scenario.ts';
import type { Session, Subject } from './subject.ts';
import { loadSubject } from './subjects/index.ts';
import { Victims, type Victim } from './start-victim.ts';
import { checkLink, checkLock, checkStructure } from './well-formed.ts';

/** The one argument of the program, as JSON. */
export interface Assignment {
  /** 0 is the leader. */
  readonly index: number;
  readonly processes: number;
  readonly subject: string;
  readonly name: string;
  readonly directory: string;
  readonly control: string;
  /** URLs of the modules of scenarios that are not of the bench. */
  readonly scenarioModules: readonly string[];
  /** Where each begins, by index. */
  readonly cpus: readonly (readonly number[])[];
}

interface OpenSubject {
  readonly maxMessageBytes: number | null;
  run(scenario: string, request: CellRequest): Promise<Sample>;
  close(): Promise<void>;
}

// The terminal sends its interrupt to everybody; the bench decides what it means.
process.on('SIGINT', () => undefined);

const [, file = '', argument = ''] = process.argv;
const assignment = JSON.parse(argument) as Assignment;
const { index } = assignment;
const role = index === 0 ? 'leader' : 'follower';
const session: Session = {
  role,
  index,
  followers: assignment.processes - 1,
  name: assignment.name,
  directory: assignment.directory,
  followerProgram: [file, JSON.stringify({ ...assignment, index: 1 } satisfies Assignment)],
};

let subject: Subject | undefined;
let end: OpenSubject | undefined;
let isDismissed = false;
let pinnedTo: string | undefined;
let pinnedBy: string | undefined;
/** Where all run. */
let places = assignment.cpus;
const victims = new Victims({
  subject: assignment.subject,
  name: assignment.name,
  directory: assignment.directory,
});
const control = new Control<Report, Order>(
  await dialControl(assignment.control),
  (order) => {
    attempt(order.kind === 'run' ? () => run(order) : close);
  },
  () => {
    void leave();
  },
);
attempt(open);

async function open(): Promise<void> {
  subject = await loadSubject(assignment.subject);
  for (const url of assignment.scenarioModules) await loadScenario(url);
  // What a leader starts must not inherit its processor; everybody else had better know it before they open anything.
  const startsFollower =
    role === 'leader' && subject.kind === 'messages' && subject.followerStartedBy === 'leader';
  const early = startsFollower ? null : pin(assignment.cpus);
  end = await openSubject(subject);
  const how = startsFollower ? pin(assignment.cpus) : early;
  control.post({ kind: 'open', index, maxMessageBytes: end.maxMessageBytes, pinnedBy: how });
}

/** By what it was done, if it was. */
function pin(places: Assignment['cpus']): string | null {
  const cpus = places[index] ?? [];
  if (cpus.join() !== pinnedTo) pinnedBy = pinThread(cpus);
  pinnedTo = cpus.join();
  return pinnedBy ?? null;
}

async function run({ scenario, request, cpus }: Order & { readonly kind: 'run' }): Promise<void> {
  if (end === undefined) throw new Error('nothing is open');
  pin(cpus);
  places = cpus;
  const before = process.cpuUsage();
  const sample = await end.run(scenario, request);
  control.post({ kind: 'sample', index, sample: { ...sample, ...consumption(before) } });
}

/** What the process has used since; a thread leaves that to the main one, which counts for both. */
function consumption(before: NodeJS.CpuUsage): Pick<Sample, 'cpuNs' | 'residentBytes'> {
  if (!isMainThread) return {};
  const { user, system } = process.cpuUsage(before);
  return { cpuNs: (user + system) * 1000, residentBytes: process.memoryUsage.rss() };
}

/** Runs where a follower would. */
function victim(): Promise<Victim> {
  return victims.next(places);
}

async function close(): Promise<void> {
  isDismissed = true;
  victims.close();
  await end?.close();
  control.close();
}

/** What closing may take. */
const farewellMs = 1000;

/** Nobody gives orders any more. If nobody said so, the bench is gone, and with it who would tidy up. */
async function leave(): Promise<never> {
  if (!isDismissed) await Promise.race([end?.close(), delay(farewellMs)]).catch(() => undefined);
  subject?.cleanUp?.(session);
  if (!isDismissed) removeOrphan(session.directory);
  process.exit();
}

function attempt(action: () => Promise<void>): void {
  action().catch((error: unknown) => {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    control.post({ kind: 'failed', index, reason, code });
  });
}

async function openSubject(opened: Subject): Promise<OpenSubject> {
  if (opened.kind === 'lock') {
    const lock = checkLock(opened.id, await opened.open(session));
    return {
      maxMessageBytes: null,
      run(id, request) {
        const scenario = scenarioOf(id);
        if (scenario.kind !== 'lock') throw new TypeError(`${id} is no scenario for a lock`);
        return scenario.run(role, lock, request, victim);
      },
      close: () => lock.close(),
    };
  }
  if (opened.kind === 'structure') {
    const structure = checkStructure(opened.id, await opened.open(session));
    return {
      maxMessageBytes: null,
      run(id, request) {
        const scenario = scenarioOf(id);
        if (scenario.kind !== 'structure') throw new TypeError(`${id} is no scenario for a structure`);
        return scenario.run(role, structure, request);
      },
      close: () => structure.close(),
    };
  }
  const { link, maxMessageBytes = null, sendsAtOnce } = checkLink(opened.id, await opened.open(session));
  return {
    maxMessageBytes,
    run(id, request) {
      const scenario = scenarioOf(id);
      if (scenario.kind === 'messages')
        return scenario.run(role, { index, link, format: opened.format, sendsAtOnce }, request);
      if (scenario.kind === 'transport' && opened.transport !== undefined)
        return scenario.run(role, { transport: opened.transport, name: session.name, victim }, request);
      throw new TypeError(`${id} is no scenario for ${opened.id}`);
    },
    close: () => link.close(),
  };
}
