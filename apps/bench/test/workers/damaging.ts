/**
 * A link that damages, loses, repeats or delays one message of the warm-up there, damages the middle of each, kills a process there or at
 * its end, or hangs there, as BENCH_DAMAGE says: it must fail the run.
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

/** As each message leaves that nothing else happens to. */
function worn(message: Uint8Array): Uint8Array {
  if (process.env.BENCH_DAMAGE !== 'flip in the middle') return message;
  return flipped(message, message.length >>> 1);
}

function damage(link: Link<Uint8Array>): Link<Uint8Array> {
  let delayed: Uint8Array | undefined;
  /** What leaves in place of a message: nothing, itself or something else, once or twice. */
  const leaving = (message: Uint8Array): Uint8Array[] => {
    const overtaken = delayed;
    delayed = undefined;
    if (overtaken !== undefined) return [message, overtaken];
    if (binaryFormat.numberOf(message) !== victim) return [worn(message)];
    switch (process.env.BENCH_DAMAGE) {
      case 'flip':
        return [flipped(message, message.length - 1)];
      case 'lose':
        return [];
      case 'repeat':
        return [message, message];
      case 'delay':
        delayed = message.slice(); // it is stamped again for the next
        return [];
      case 'kill the leader':
        process.kill(process.pid, 'SIGKILL');
    }
    return [worn(message)];
  };
  return {
    trySend: (message) => leaving(message).every((one) => link.trySend(one)),
    async send(message) {
      for (const one of leaving(message)) await link.send(one);
    },
    tryReceive: () => link.tryReceive(),
    receive: () => link.receive(),
    close() {
      if (process.env.BENCH_DAMAGE === 'kill at the end') process.kill(process.pid, 'SIGKILL');
      return link.close();
    },
  };
}

function flipped(message: Uint8Array, at: number): Uint8Array {
  return message.map((byte, index) => (index === at ? ~byte : byte));
}

function abandon(link: Link<Uint8Array>): Link<Uint8Array> {
  const how = process.env.BENCH_DAMAGE ?? '';
  if (!['kill the follower', 'hang the follower'].includes(how)) return link;
  return {
    trySend: (message) => link.trySend(message),
    send: (message) => link.send(message),
    tryReceive: () => undefined,
    async receive() {
      await link.receive();
      if (how === 'kill the follower') process.kill(process.pid, 'SIGKILL');
      for (;;); // deaf to everything but SIGKILL
    },
    close: () => link.close(),
  };
}
