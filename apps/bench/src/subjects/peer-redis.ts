/** Redis as a message broker: publish and subscribe through a server of the bench's own, on a unix socket. */
import { createClient } from '@redis/client';
import { join } from 'node:path';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject } from '../subject.ts';
import { startServer, untilItAnswers } from './private-server.ts';
import { WindowedLink } from './windowed-link.ts';

export const subject: MessageSubject<Uint8Array> = defineSubject<Uint8Array>({
  kind: 'messages',
  id: 'peer.redis',
  inDepth: 'chosen',
  scenarios: ['throughput', 'round-trip', 'calls'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  async open({ role, directory }) {
    const path = join(directory, 'redis');
    const server =
      role === 'leader'
        ? await startServer('redis-server', [
            ...['--port', '0', '--unixsocket', path, '--dir', directory],
            ...['--save', '', '--appendonly', 'no', '--client-output-buffer-limit', 'pubsub', '0', '0', '0'],
          ])
        : undefined;
    const [own, other] = role === 'leader' ? ['leader', 'follower'] : ['follower', 'leader'];
    const connect = (): ReturnType<typeof connectOnce> => untilItAnswers(() => connectOnce(path));
    const [sender, receiver] = await Promise.all([connect(), connect()]);
    const publish = (channel: string, bytes: Uint8Array): void => {
      sender.publish(channel, Buffer.from(bytes)).catch(() => {
        link.ended();
      });
    };
    const link = new WindowedLink<Uint8Array>({
      post(message) {
        publish(`${other}.message`, message);
      },
      acknowledge(cost) {
        publish(`${other}.acknowledge`, Buffer.from(String(cost)));
      },
      close() {
        sender.destroy();
        receiver.destroy();
        server?.stop();
      },
    });
    const listenTo = (channel: string, take: (message: Buffer) => void): Promise<void> =>
      receiver.subscribe(channel, take, true);
    await listenTo(`${own}.message`, (message) => {
      link.arrived(message);
    });
    await listenTo(`${own}.acknowledge`, (cost) => {
      link.acknowledged(Number(String(cost)));
    });
    // Redis forgets what nobody has subscribed to.
    await untilItAnswers(async () => {
      const { [`${other}.acknowledge`]: count } = await sender.pubSubNumSub([`${other}.acknowledge`]);
      if (count !== 1) throw new Error('the other end has not subscribed');
    });
    return { link };
  },
});

async function connectOnce(path: string): Promise<ReturnType<typeof createClient>> {
  const client = createClient({ socket: { path, reconnectStrategy: false } });
  client.on('error', () => undefined); // `connect` and `publish` reject, and that is what counts
  await client.connect();
  return client as ReturnType<typeof createClient>;
}
