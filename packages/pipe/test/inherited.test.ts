/** The contract of a channel over two anonymous pipes, its other end inherited by a child. */
import { fileURLToPath } from 'node:url';
import { spawnChild } from '@ipc/pipe';
import { linkOver, noLeaks, peerOf, processConformance } from '@ipc/testkit';

noLeaks();

const worker = fileURLToPath(new URL('../dist-test/workers/inherited-peer.js', import.meta.url));

processConformance(
  'spawnChild() and inherited()',
  async () => {
    const child = await spawnChild(process.execPath, [worker], { channels: { main: {}, commands: {} } });
    const { main, commands } = child.channels;
    return {
      channel: main,
      peer: await peerOf(child.process, linkOver(commands), worker),
      async [Symbol.asyncDispose]() {
        await child.kill('SIGKILL');
        await Promise.all([main.close(), commands.close()]);
      },
    };
  },
  { maxMessageBytes: 16 << 20, halfClose: true },
);
