import { readFileSync } from 'node:fs';
import { tls } from '@ipc/socket';
import { channelConformance, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const read = (file: string): Buffer => readFileSync(new URL(`fixtures/${file}.pem`, import.meta.url));
const server = { key: read('server-key'), cert: read('server-cert') };
const client = { ca: server.cert };

channelConformance(() => tls({ server, client }));

test('a client that does not know the server\u2019s certificate does not connect', async () => {
  await using listener = await tls({ server }).listen(uniqueName('tls'));
  await expect(tls().connect(listener.name)).rejects.toMatchObject({ code: 'ERR_IPC_SYSTEM' });
});

test('mutual: a client without a valid certificate is refused, one with it is served', async () => {
  const strict = { ...server, requestCert: true, ca: read('client-cert') };
  const known = { ...client, key: read('client-key'), cert: read('client-cert') };
  await using listener = await tls({ server: strict }).listen(uniqueName('mutual'));
  const stranger = await tls({ client }).connect(listener.name); // TLS 1.3: the refusal comes after the client's part
  await expect(stranger.receive()).rejects.toThrow();
  await stranger.close();
  const [far, near] = await Promise.all([listener.accept(), tls({ client: known }).connect(listener.name)]);
  await near.send(pattern(5));
  expect(await far.receive()).toEqual(pattern(5));
  await Promise.all([near.close(), far.close()]);
});
