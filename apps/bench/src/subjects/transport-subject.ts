import { isIpcError, type Channel, type Transport } from '@ipc/core';
import { binaryFormat } from '../message-format.ts';
import { defineSubject, type MessageSubject, type Session } from '../subject.ts';

export interface TransportSubjectOptions {
  /** The C floor's subject it is compared with. */
  readonly floor?: string;
  /** Polling makes sense. @default false */
  readonly spins?: boolean;
  readonly sendsAtOnce?: boolean;
}

/** Any transport of the contract as a subject: the leader listens, the follower connects. */
export function transportSubject(
  transport: Transport,
  { floor, spins = false, sendsAtOnce = false }: TransportSubjectOptions = {},
): MessageSubject<Uint8Array> {
  return defineSubject<Uint8Array>({
    kind: 'messages',
    id: transport.id,
    scenarios: [
      'throughput',
      'throughput-batched',
      'round-trip',
      'round-trip-paced',
      'wake-up',
      ...(spins ? ['round-trip-spinning'] : []),
    ],
    followerStartedBy: 'bench',
    format: binaryFormat,
    ...(floor === undefined ? {} : { floor }),
    async open({ role, name }) {
      const link = role === 'leader' ? await accept(transport, name) : await connect(transport, name);
      return { link, maxMessageBytes: transport.traits.maxMessageBytes, sendsAtOnce };
    },
  });
}

async function accept(transport: Transport, name: Session['name']): Promise<Channel> {
  const listener = await transport.listen(name);
  const channel = await listener.accept();
  await listener.close();
  return channel;
}

/** The two start at the same time: the follower may be first. */
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
