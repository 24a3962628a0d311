/**
 * A link that BENCH_INTERFERE makes worse in a known way: `slow` sends each message 50 µs late, `stall` stops the
 * answering process for 20 ms at every three hundredth message.
 */
import { defineSubject, transportSubject, type Link, type MessageSubject } from '@ipc/bench';
import { unix } from '@ipc/socket';

const honest = transportSubject(unix());
const interference = process.env.BENCH_INTERFERE;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  ...honest,
  id: 'own.interfering',
  scenarios: interference === 'stall' ? ['round-trip-paced'] : ['throughput'],
  async open(session) {
    const { link } = await honest.open(session);
    if (interference === 'slow' && session.role === 'leader') return { link: slowed(link) };
    if (interference === 'stall' && session.role === 'follower') return { link: stalling(link) };
    return { link };
  },
});

function slowed(link: Link<Uint8Array>): Link<Uint8Array> {
  return {
    ...through(link),
    trySend(message) {
      busyMs(0.05);
      return link.trySend(message);
    },
  };
}

function stalling(link: Link<Uint8Array>): Link<Uint8Array> {
  let received = 0;
  return {
    ...through(link),
    async receive() {
      const message = await link.receive();
      if (++received % 300 === 0) busyMs(20);
      return message;
    },
  };
}

function through(link: Link<Uint8Array>): Link<Uint8Array> {
  return {
    trySend: (message) => link.trySend(message),
    send: (message) => link.send(message),
    tryReceive: () => link.tryReceive(),
    receive: () => link.receive(),
    close: () => link.close(),
  };
}

function busyMs(duration: number): void {
  const end = performance.now() + duration;
  while (performance.now() < end);
}
