import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { pathOf } from '@ipc/core';
import { tcp } from '@ipc/socket';
import { channelConformance, expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { expect, test, vi } from 'vitest';

noLeaks();

channelConformance(() => tcp(), { peer: new URL('../dist-test/workers/tcp-peer.js', import.meta.url) });

test.each([
  ['with IPv4', false, 'connect'],
  ['without IPv4', true, 'ECONNREFUSED'],
] as const)('over IPv6, %s beside it', async (_, ipv6Only, overIpv4) => {
  await using listener = await tcp({ host: '::', ipv6Only }).listen(uniqueName('six'));
  const [host, port] = readFileSync(pathOf(listener.name, 'tcp'), 'utf8').split(' ');
  expect(host).toBe('::1');
  const [near, far] = await Promise.all([tcp().connect(listener.name), listener.accept()]);
  await near.send(pattern(9));
  expectBytes(await far.receive(), pattern(9));
  await Promise.all([near.close(), far.close()]);

  const other = connect(Number(port), '127.0.0.1');
  const outcome = await once(other, 'connect').then(
    () => 'connect',
    (error: unknown) => (error as NodeJS.ErrnoException).code,
  );
  expect(outcome).toBe(overIpv4);
  other.destroy();
  if (outcome === 'connect') await (await listener.accept()).close();
});

/** The timers of both ends of the connection with this port, as the kernel says: 2 is keep-alive. Source: proc_net_tcp.rst, `tr`. */
function timersOf(port: number): number[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(
      ([, local, remote, state]) => state === '01' && [local, remote].some((each) => each?.endsWith(end)),
    )
    .map(([, , , , , timer = '']) => Number.parseInt(timer, 16));
}

function portOf(name: string): number {
  return Number(readFileSync(pathOf(name, 'tcp'), 'utf8').split(' ')[1]);
}

test.each([
  ['as asked for', 60_000, 2],
  ['not at all', 0, 0],
])('keep-alive %s, and no delay, at either end', async (_, keepAliveMs, timer) => {
  const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
  const transport = tcp({ keepAliveMs });
  await using listener = await transport.listen(uniqueName('alive'));
  const [near, far] = await Promise.all([transport.connect(listener.name), listener.accept()]);
  expect(noDelay.mock.calls).toEqual([[true], [true]]);
  noDelay.mockRestore();
  expect(timersOf(portOf(listener.name))).toEqual([timer, timer]);
  await Promise.all([near.close(), far.close()]);
});

test('a port that was just in use is free to listen on', async () => {
  const first = await tcp().listen(uniqueName('first'));
  const port = portOf(first.name);
  const [near, far] = await Promise.all([tcp().connect(first.name), first.accept()]);
  await far.close(); // the listening side ends it: its port is in TIME_WAIT
  await Promise.all([near.close(), first.close()]);
  const again = await tcp({ port }).listen(uniqueName('again'));
  const [next, served] = await Promise.all([tcp({ port }).connect('any'), again.accept()]);
  await Promise.all([next.close(), served.close(), again.close()]);
});
