/**
 * A link that damages, loses or repeats one message of the warm-up there, or kills a process there or at its end, as
 * BENCH_DAMAGE says: it must fail the run.
 */
import { binaryFormat, defineSubject, transportSubject, type Link, type MessageSubject } from '@ipc/bench';
import { unix } from '@ipc/socket';

const honest = transportSubject(unix());
const victim = 3;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  ...honest,
  id: 'own.damaging',
  scenarios: ['throughput', 'round-trip'],
  format: binaryFormat,
  async open(session) {
    const { link } = await honest.open(session);
    return { link: session.role === 'leader' ? damage(link) : abandon(link) };
  },
});

function damage(link: Link<Uint8Array>): Link<Uint8Array> {
  let sent = 0;
  return {
    trySend(message) {
      if (sent++ !== victim) return link.trySend(message);
      switch (process.env.BENCH_DAMAGE) {
        case 'flip':
          return link.trySend(message.map((byte, index) => (index === message.length - 1 ? ~byte : byte)));
        case 'lose':
          return true;
        case 'repeat':
          return link.trySend(message) && link.trySend(message);
        case 'kill the leader':
          return process.kill(process.pid, 'SIGKILL');
        default:
          return link.trySend(message);
      }
    },
    send: (message) => link.send(message),
    tryReceive: () => link.tryReceive(),
    receive: () => link.receive(),
    close() {
      if (process.env.BENCH_DAMAGE === 'kill at the end') process.kill(process.pid, 'SIGKILL');
      return link.close();
    },
  };
}

function abandon(link: Link<Uint8Array>): Link<Uint8Array> {
  if (process.env.BENCH_DAMAGE !== 'kill the follower') return link;
  return {
    trySend: (message) => link.trySend(message),
    send: (message) => link.send(message),
    tryReceive: () => undefined,
    async receive() {
      await link.receive();
      process.kill(process.pid, 'SIGKILL');
      return undefined;
    },
    close: () => link.close(),
  };
}
