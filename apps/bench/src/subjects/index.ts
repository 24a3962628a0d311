/** The subjects there are, in the order in which they are measured and printed; each is loaded only where it is needed. */
import type { Subject } from '../subject.ts';

const modules: ReadonlyMap<string, URL> = new Map(
  [
    'shm.ring',
    'shm.sleeping-ring',
    'shm.loan',
    'shm.broadcast',
    'shm.queue',
    'pipe.anonymous',
    'pipe.fifo',
    'mq.posix',
    'mq.sysv',
    'mq.shared',
    'mq.shared-leased',
    'socket.unix',
    'socket.seqpacket',
    'socket.datagram',
    'socket.tcp',
    'sync.mutex',
    'sync.semaphore',
    'sync.rw-lock',
    'sync.file-lock',
    'shm.latest',
    'shm.map',
    'shm.counter',
    'peer.process-send-json',
    'peer.process-send-advanced',
    'peer.message-port',
    'peer.node-net',
    'peer.zeromq',
    'peer.node-ipc',
    'peer.ringbuf',
    'peer.redis',
    'peer.nats',
    'peer.proper-lockfile',
  ].map((id) => [id, new URL(`./${id.replaceAll('.', '-')}.js`, import.meta.url)]),
);

export const subjectIds: readonly string[] = [...modules.keys()];

/** Where a subject's module is: a known id, or the URL of a module of one's own. */
export function subjectModule(idOrUrl: string): URL {
  const known = modules.get(idOrUrl);
  if (known !== undefined) return known;
  if (URL.canParse(idOrUrl)) return new URL(idOrUrl);
  throw new RangeError(`there is no subject ${idOrUrl}; there are ${subjectIds.join(', ')}`);
}

/**
 * Loads a subject.
 *
 * @throws {RangeError} Neither a known id nor a URL. @throws {TypeError} The module exports no `subject`.
 * @throws What the module throws: its mechanism cannot be used here.
 */
export async function loadSubject(idOrUrl: string): Promise<Subject> {
  const url = subjectModule(idOrUrl);
  const { subject } = (await import(url.href)) as { subject?: Partial<Subject> };
  if (
    typeof subject?.id !== 'string' ||
    !Array.isArray(subject.scenarios) ||
    typeof subject.open !== 'function'
  ) {
    throw new TypeError(`${url.href} exports no subject (see defineSubject)`);
  }
  return subject as Subject;
}
