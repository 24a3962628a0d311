/** Whether a subject or a scenario of the user's own is one, before anything is measured. */
import { checkMethods } from './own-module.ts';
import type { Scenario } from './scenario.ts';
import type { GuardedCounter, OpenLink, SharedStructure, Subject } from './subject.ts';

/** The kinds of scenarios that suit each kind of subject. */
const suitable: Readonly<Record<Subject['kind'], readonly Scenario['kind'][]>> = {
  messages: ['messages', 'transport'],
  lock: ['lock'],
  structure: ['structure'],
};

/**
 * @param path - Of its module, for the message.
 * @param scenarios - Those that it may name.
 * @throws {TypeError} It is none; the message says what is wrong with it.
 */
export function checkSubject(path: string, exported: unknown, scenarios: readonly Scenario[]): Subject {
  const subject = (exported ?? {}) as Partial<Subject>;
  const { id, kind, scenarios: named } = subject;
  const refuse = (what: string): never => {
    throw new TypeError(`${path}: ${what} (see defineSubject)`);
  };
  if (typeof id !== 'string' || id === '') refuse('its subject has no id');
  if (kind === undefined || !(kind in suitable))
    return refuse(`the kind of its subject must be messages, lock or structure, not ${String(kind)}`);
  checkMethods(`${path}: its subject`, subject, ['open']);
  if (subject.kind === 'messages') {
    const { followerStartedBy, format } = subject;
    checkMethods(`${path}: the format of its subject`, format, ['blank', 'stamp', 'check', 'numberOf']);
    if (followerStartedBy !== 'bench' && followerStartedBy !== 'leader')
      refuse(`its followerStartedBy must be bench or leader, not ${String(followerStartedBy)}`);
  }
  const known = scenarios
    .filter((scenario) => suitable[kind].includes(scenario.kind))
    .map(({ id: of }) => of);
  const names: readonly string[] = Array.isArray(named) ? named.map(String) : [];
  if (names.length === 0) refuse('its subject names no scenarios');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    refuse(`no scenario for ${kind} is called ${unknown.join(' or ')}; there are ${known.join(', ')}`);
  return subject as Subject;
}

/** @throws {TypeError} It is none; the message says what is wrong with it. */
export function checkScenario(path: string, exported: unknown): Scenario {
  const scenario = (exported ?? {}) as Partial<Scenario>;
  const { id, kind, question } = scenario;
  const refuse = (what: string): never => {
    throw new TypeError(`${path}: ${what} (see defineScenario)`);
  };
  if (typeof id !== 'string' || id === '') refuse('its scenario has no id');
  if (kind === undefined || !Object.values(suitable).flat().includes(kind))
    refuse(`the kind of its scenario must be messages, lock, transport or structure, not ${String(kind)}`);
  if (typeof question !== 'string') refuse('its scenario states no question');
  checkMethods(`${path}: its scenario`, scenario, ['run', 'combine', 'floorScenario']);
  return scenario as Scenario;
}

const methodsOfLink = ['trySend', 'send', 'tryReceive', 'receive', 'close'];

/** @throws {TypeError} What a subject has opened is no link with messages. */
export function checkLink<T>(id: string, opened: Partial<OpenLink<T>> | undefined): OpenLink<T> {
  checkMethods(`the link that ${id} has opened`, opened?.link, methodsOfLink);
  return opened as OpenLink<T>;
}

/** @throws {TypeError} What a subject has opened is no lock with its counter. */
export function checkLock(id: string, opened: Partial<GuardedCounter> | undefined): GuardedCounter {
  checkMethods(`the lock that ${id} has opened`, opened, ['acquire', 'close']);
  if (!(opened?.counter instanceof Int32Array))
    throw new TypeError(`the lock that ${id} has opened has no counter, an Int32Array`);
  return opened as GuardedCounter;
}

/** @throws {TypeError} What a subject has opened is no structure. */
export function checkStructure(id: string, opened: Partial<SharedStructure> | undefined): SharedStructure {
  checkMethods(`the structure that ${id} has opened`, opened, ['operate', 'close']);
  return opened as SharedStructure;
}
