/** The example of docs/contract.md, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { unix } from '@ipc/socket';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const contract = readFileSync(new URL('../../../docs/contract.md', import.meta.url), 'utf8');
const hook = /```ts\n(process\.once[\s\S]+?)```/.exec(contract)?.[1] ?? '';

/** More than the buffers of both ends hold, so that much waits in this process when it is told to end. */
const messages = 500;

const program = (name: string): string => `
  import { unix } from '@ipc/socket';
  const channel = await unix().connect('${name}');
  ${hook}
  for (let n = 0; n < ${messages}; n++) {
    const message = new Uint8Array(10_000);
    new DataView(message.buffer).setUint32(0, n, true);
    void channel.send(message);
  }
  console.log('sent');
  await channel.receive().catch(() => undefined); // would wait for ever
`;

test('a process told to end delivers what it has sent, then ends', async () => {
  await using listener = await unix().listen(uniqueName('hook'));
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(listener.name)], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await using channel = await listener.accept();
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  for (let n = 0; n < messages; n++) {
    const message = Buffer.from((await channel.receive()) ?? expect.fail(`message ${n} is lost`));
    expect([message.readUInt32LE(), message.length]).toEqual([n, 10_000]);
  }
  expect(await channel.receive()).toBeUndefined();
  expect(await exited).toEqual([0, null]);
});
