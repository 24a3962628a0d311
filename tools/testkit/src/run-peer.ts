/** The peer of the conformance suite: one transport, driven by the test's commands. Imports no test runner. */
import type { Channel, Listener, Transport } from '@ipc/core';
import { channelCommands } from './channel-commands.ts';
import type { PeerLink } from './peer-link.ts';
import { serveCommands } from './serve-commands.ts';

export { linkOver } from './peer-link.ts';
export { runQueuePeer } from './run-queue-peer.ts';
export { serveCommands } from './serve-commands.ts';

/** Serves the commands of the conformance suite over `transport`. Call it as the only statement of a worker file. */
export function runPeer(create: () => Transport): void {
  const transport = create();
  let listener: Listener | undefined;
  let channel: Channel | undefined;
  const open = (): Channel => {
    if (channel === undefined) throw new Error('the peer has no channel yet');
    return channel;
  };

  serveCommands({
    async listen(name: string) {
      listener = await transport.listen(name);
    },
    async accept() {
      channel = await listener?.accept();
    },
    async connect(name: string) {
      channel = await transport.connect(name);
    },
    ...channelCommands(open),
    async close() {
      await channel?.close();
      await listener?.close();
    },
  });
}

/** Serves the same commands over a channel that is there already. */
export function servePeer(channel: Channel, link: PeerLink): void {
  serveCommands({ ...channelCommands(() => channel), close: () => channel.close() }, link);
}
