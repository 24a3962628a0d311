/** A process that takes a lock, or connects and sends one message, says so on stdout, and waits to be killed. */
import { pinThread } from './pin.ts';
import { victimName } from './start-victim.ts';
import type { Session } from './subject.ts';
import { loadSubject } from './subjects/index.ts';

/** The one argument of the program, as JSON. */
export interface VictimAssignment extends Pick<Session, 'name' | 'directory'> {
  readonly subject: string;
  /** Where it runs. */
  readonly cpus: readonly number[];
}

const { subject: module, name, directory, cpus } = JSON.parse(process.argv[2] ?? '') as VictimAssignment;
pinThread(cpus);
// Whoever started it may be killed as well.
process.stdin.on('end', () => process.exit(1)).resume();

/** What must not be collected. */
const kept: unknown[] = [];
const subject = await loadSubject(module);
if (subject.kind === 'lock') {
  const session: Session = {
    role: 'follower',
    index: 0,
    followers: 1,
    name,
    directory,
    followerProgram: ['', ''],
  };
  const lock = await subject.open(session);
  kept.push(lock, lock.acquire());
} else if (subject.kind === 'messages' && subject.transport !== undefined) {
  const channel = await subject.transport.connect(victimName(name));
  await channel.send(Uint8Array.of(1));
  kept.push(channel);
} else {
  throw new TypeError(`${subject.id} has nothing for a victim to do`);
}
process.stdout.write('ready\n');
