import { isIpcError, type Channel, type Transport } from '@ipc/core';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type Link, type MessageSubject, type Session } from '../subject.ts';
import { StarLink } from './star-link.ts';

export interface TransportSubjectOptions {
  /** The C floor's subject it is compared with. */
  readonly floor?: string;
  /** Copies are what it costs: `throughput-copied` is measured. @default false */
  readonly copies?: boolean;
  /** Polling makes sense. @default false */
  readonly spins?: boolean;
  readonly sendsAtOnce?: boolean;
  /** One of several ways for one to talk with many: `fan-in` and `fan-out` are measured. @default false */
  readonly fans?: boolean;
}

/** Any transport of the contract as a subject: the leader listens, the followers connect. */
export function transportSubject(
  transport: Transport,
  { floor, copies = false, spins = false, sendsAtOnce = false, fans = false }: TransportSubjectOptions = {},
): MessageSubject<Uint8Array> {
  return defineSubject<Uint8Array>({
    kind: 'messages',
    id: transport.id,
    scenarios: [
      'throughput',
      'throughput-batched',
      ...(copies ? ['throughput-copied'] : []),
      'round-trip',
      'round-trip-paced',
      'wake-up',
      'calls',
      ...(transport.traits.peers === 'many' ? ['connect'] : []),
      ...(transport.traits.peerDeath === 'kernel' ? ['peer-gone'] : []),
      ...(fans ? ['fan-out', 'fan-in'] : []),
      ...(spins ? ['round-trip-spinning'] : []),
    ],
    followerStartedBy: 'bench',
    format: binaryFormat,
    ...(floor === undefined ? {} : { floor }),
    transport,
    async open({ role, name, followers }) {
      const link =
        role === 'leader' ? await accept(transport, name, followers) : await connect(transport, name);
      return { link, maxMessageBytes: transport.traits.maxMessageBytes, sendsAtOnce };
    },
  });
}

async function accept(
  transport: Transport,
  name: Session['name'],
  followers: number,
): Promise<Link<Uint8Array>> {
  await using listener = await transport.listen(name);
  const channels: Channel[] = [];
  while (channels.length < followers) channels.push(await listener.accept());
  const [only, ...others] = channels;
  return only !== undefined && others.length === 0 ? only : new StarLink(channels);
}

/** All start at the same time: a follower may be first. */
async function connect(transport: Transport, name: string): Promise<Channel> {
  for (;;) {
    try {
      return await transport.connect(name);
    } catch (error) {
      if (!isIpcError(error) || error.code !== 'ERR_IPC_NOT_FOUND') throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
