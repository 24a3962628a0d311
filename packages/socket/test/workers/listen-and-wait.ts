/** Listens on many names by every mechanism of this package, says so, and waits to be killed. */
import { openDatagramReceiver, seqpacket, tcp, unix } from '@ipc/socket';

const [name = '', count = '1'] = process.argv.slice(2);
for (let n = 0; n < Number(count); n++) {
  const transport = [unix(), seqpacket(), tcp()][n % 4];
  if (transport === undefined) openDatagramReceiver(`${name}-${n}`);
  else await transport.listen(`${name}-${n}`);
}
process.stdout.write('listening\n');
setInterval(() => undefined, 60_000);
