/** Listens, and keeps what connects; tells what it is like when no descriptor is left; answers and closes when it is told to. */
import { setTimeout } from 'node:timers/promises';
import type { Channel } from '@ipc/core';
import { dialUnix, letGo, unix } from '@ipc/socket';
import { openDescriptors } from '../left-behind.ts';

const [name = ''] = process.argv.slice(2);
const observedMs = 500;
const kept: Channel[] = [];
const state = { answering: false };

async function answer(channel: Channel): Promise<void> {
  const message = await channel.receive();
  if (message !== undefined) await channel.send(message);
  await channel.close();
}

/** The code of the error that one more connection of its own ends with, once all descriptors are used up. */
async function whenFull(): Promise<string> {
  for (;;) {
    try {
      letGo(await dialUnix(name));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
    await setTimeout(5);
  }
}

const commands: Record<string, () => Promise<unknown>> = {
  async full() {
    const code = await whenFull();
    const before = process.cpuUsage();
    await setTimeout(observedMs);
    const { user, system } = process.cpuUsage(before);
    return { code, accepted: kept.length, busy: (user + system) / 1000 / observedMs };
  },
  answer() {
    state.answering = true;
    for (const channel of kept.splice(0)) void answer(channel);
    return Promise.resolve({});
  },
  descriptors: () => Promise.resolve({ open: openDescriptors() }),
};

const listener = await unix().listen(name);
process.on(
  'message',
  (command: string) => void commands[command]?.().then((result) => process.send?.(result)),
);
process.send?.('ready');
for await (const channel of listener) {
  if (state.answering) void answer(channel);
  else kept.push(channel);
}
