/** NATS: publish and subscribe through a server of the bench's own, on the loopback interface, as it has no unix sockets. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';
import { startServer, untilItAnswers } from './private-server.ts';
import { WindowedLink } from './windowed-link.ts';

/** Its own limit is 1 MiB. */
const maxMessageBytes = 512 << 10;

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.nats',
  inDepth: 'chosen',
  scenarios: ['throughput', 'round-trip', 'calls'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  async open({ role, directory }) {
    const server =
      role === 'leader'
        ? await startServer('nats-server', ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', directory])
        : undefined;
    const [own, other] = role === 'leader' ? ['leader', 'follower'] : ['follower', 'leader'];
    const connection = await untilItAnswers(() =>
      connect({ servers: addressIn(directory), reconnect: false }),
    );
    const link = new WindowedLink<Uint8Array>({
      post(message) {
        connection.publish(`${other}.message`, message.slice()); // it is sent later
      },
      acknowledge(cost) {
        connection.publish(`${other}.acknowledge`, String(cost));
      },
      async close() {
        await connection.close();
        server?.stop();
      },
    });
    connection.subscribe(`${own}.message`, {
      callback: (_, { data }) => {
        link.arrived(data);
      },
    });
    connection.subscribe(`${own}.acknowledge`, {
      callback: (_, message) => {
        link.acknowledged(Number(message.string()));
      },
    });
    await meet(connection, own, other);
    return { link, maxMessageBytes };
  },
});

/** NATS forgets what nobody has subscribed to: asks until the other end answers. */
async function meet(connection: NatsConnection, own: string, other: string): Promise<void> {
  connection.subscribe(`${own}.ready`, {
    callback: (_, message) => {
      message.respond();
    },
  });
  await untilItAnswers(() => connection.request(`${other}.ready`, '', { timeout: 1000 }));
}

/** The server chooses a port and writes it into a file named after itself. */
function addressIn(directory: string): string {
  const file = readdirSync(directory).find((name) => name.endsWith('.ports'));
  if (file === undefined) throw new Error('nats-server has not said where it listens');
  const { nats } = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { nats: [string] };
  return nats[0];
}
