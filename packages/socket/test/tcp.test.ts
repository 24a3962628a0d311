import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { pathOf } from '@ipc/core';
import { tcp } from '@ipc/socket';
import { channelConformance, expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

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
