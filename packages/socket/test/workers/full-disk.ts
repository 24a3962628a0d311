/** Runs on a disk that is soon full: `full-disk <folder>`. Prints what failed there, and how often until there was room. */
import { openDatagramReceiver, seqpacket, serveUnix, tcp, unix } from '@ipc/socket';
import { fromFullToRoom } from '@ipc/testkit/small-disk';

const [folder = ''] = process.argv.slice(2);

const calls = {
  unix: () => unix().listen('stream'),
  seqpacket: () => seqpacket().listen('packets'),
  serveUnix: () => serveUnix('served', { onConnection: () => undefined }),
  datagram: () => Promise.resolve(openDatagramReceiver('datagrams')),
  tcp: () => tcp().listen('port'),
};

for (const [name, open] of Object.entries(calls)) {
  const failures = await fromFullToRoom(folder, async () => (await open()).close());
  console.log(`${name} failed ${failures}`);
}
