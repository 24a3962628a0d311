/** The subjects there are, in the order in which they are measured and printed; each is loaded only where it is needed. */
import { importOwn, pathOf } from '../own-module.ts';
import { scenarios } from '../scenarios/index.ts';
import type { Subject } from '../subject.ts';
import { checkSubject } from '../well-formed.ts';

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
    'mq.posix-queue',
    'mq.sysv',
    'mq.shared',
    'mq.shared-leased',
    'socket.unix',
    'socket.seqpacket',
    'socket.datagram',
    'socket.tcp',
    'sync.mutex',
    'sync.semaphore',
    'sync.posix-semaphore',
    'sync.rw-lock',
    'sync.file-lock',
    'sync.flock',
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

/**
 * Loads a subject: one of the bench, or one of the user's own.
 *
 * @param idOrUrl - A known id, or the URL of a module that exports `subject`.
 * @throws {RangeError} Neither a known id nor a URL, or there is a subject of that id already.
 * @throws {TypeError} The module cannot be loaded or exports no well-formed subject; the message says what is wrong.
 * @throws What a module of the bench throws: its mechanism cannot be used here.
 */
export async function loadSubject(idOrUrl: string): Promise<Subject> {
  const known = modules.get(idOrUrl);
  if (known !== undefined) return ((await import(known.href)) as { subject: Subject }).subject;
  if (!URL.canParse(idOrUrl))
    throw new RangeError(`there is no subject ${idOrUrl}; there are ${subjectIds.join(', ')}`);
  const subject = checkSubject(pathOf(idOrUrl), await importOwn(idOrUrl, 'subject'), scenarios);
  if (modules.has(subject.id))
    throw new RangeError(`${pathOf(idOrUrl)}: there is a subject ${subject.id} already`);
  return subject;
}
