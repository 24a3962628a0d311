/**
 * One of the two measured processes (or a thread, where the subject is one): opens the subject, pins itself, and runs
 * what the bench orders until it is told to close or the bench is gone.
 */
import { isMainThread } from 'node:worker_threads';
import { Control, dialControl, type Order, type Report } from './control.ts';
import { pinThread } from './pin.ts';
import type { CpuPair } from './placement.ts';
import { loadScenario, scenarioOf } from './scenarios/index.ts';
import type { CellRequest, Sample } from './scenario.ts';
import type { Role, Session, Subject } from './subject.ts';
import { loadSubject } from './subjects/index.ts';

/** The one argument of the program, as JSON. */
export interface Assignment {
  readonly role: Role;
  readonly subject: string;
  readonly name: string;
  readonly directory: string;
  readonly control: string;
  /** URLs of the modules of scenarios that are not of the bench. */
  readonly scenarioModules: readonly string[];
  /** Where it begins, by role. */
  readonly cpus: CpuPair;
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
const { role } = assignment;
const session: Session = {
  role,
  name: assignment.name,
  directory: assignment.directory,
  followerProgram: [file, JSON.stringify({ ...assignment, role: 'follower' } satisfies Assignment)],
};

let subject: Subject | undefined;
let end: OpenSubject | undefined;
let pinnedTo: number | undefined;
let pinnedBy: string | undefined;
const control = new Control<Report, Order>(
  await dialControl(assignment.control),
  (order) => {
    attempt(order.kind === 'run' ? () => run(order) : close);
  },
  () => {
    subject?.cleanUp?.(session);
    process.exit();
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
  control.post({ kind: 'open', role, maxMessageBytes: end.maxMessageBytes, pinnedBy: how });
}

/** By what it was done, if it was. */
function pin(cpus: CpuPair): string | null {
  const cpu = cpus[role === 'leader' ? 0 : 1];
  if (cpu !== pinnedTo) pinnedBy = pinThread(cpu);
  pinnedTo = cpu;
  return pinnedBy ?? null;
}

async function run({ scenario, request, cpus }: Order & { readonly kind: 'run' }): Promise<void> {
  if (end === undefined) throw new Error('nothing is open');
  pin(cpus);
  const before = process.cpuUsage();
  const sample = await end.run(scenario, request);
  control.post({ kind: 'sample', role, sample: { ...sample, ...consumption(before) } });
}

/** What the process has used since; a thread leaves that to the main one, which counts for both. */
function consumption(before: NodeJS.CpuUsage): Pick<Sample, 'cpuNs' | 'residentBytes'> {
  if (!isMainThread) return {};
  const { user, system } = process.cpuUsage(before);
  return { cpuNs: (user + system) * 1000, residentBytes: process.memoryUsage.rss() };
}

async function close(): Promise<void> {
  await end?.close();
  control.close();
}

function attempt(action: () => Promise<void>): void {
  action().catch((error: unknown) => {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    control.post({ kind: 'failed', role, reason, code });
  });
}

async function openSubject(opened: Subject): Promise<OpenSubject> {
  if (opened.kind === 'lock') {
    const lock = await opened.open(session);
    return {
      maxMessageBytes: null,
      run(id, request) {
        const scenario = scenarioOf(id);
        if (scenario.kind !== 'lock') throw new TypeError(`${id} is no scenario for a lock`);
        return scenario.run(role, lock, request);
      },
      close: () => lock.close(),
    };
  }
  const { link, maxMessageBytes = null, sendsAtOnce } = await opened.open(session);
  return {
    maxMessageBytes,
    run(id, request) {
      const scenario = scenarioOf(id);
      if (scenario.kind !== 'messages') throw new TypeError(`${id} is no scenario for messages`);
      return scenario.run(role, { link, format: opened.format, sendsAtOnce }, request);
    },
    close: () => link.close(),
  };
}
