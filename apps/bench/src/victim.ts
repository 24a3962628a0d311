/** A process that, when told where to run, takes a lock, or connects and sends one message, says so on stdout, and waits to be killed. */
import { once } from 'node:events';
import { pinThread } from './pin.ts';
import { victimName } from './start-victim.ts';
import type { Session } from './subject.ts';
import { loadSubject } from './subjects/index.ts';

/** The one argument of the program, as JSON. */
export interface VictimAssignment extends Pick<Session, 'name' | 'directory'> {
  readonly subject: string;
}

const { subject: module, name, directory } = JSON.parse(process.argv[2] ?? '') as VictimAssignment;
// Whoever started it may be killed as well.
process.stdin.on('end', () => process.exit(1));

/** What must not be collected. */
const kept: unknown[] = [];
const subject = await loadSubject(module);
process.stdout.write('ready\n');
const [cpus] = (await once(process.stdin, 'data')) as [Buffer];
process.stdin.resume();
pinThread(JSON.parse(cpus.toString()) as number[]);
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
process.stdout.write('done\n');
