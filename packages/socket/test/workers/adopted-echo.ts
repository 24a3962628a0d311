/** Echoes on an inherited socket: argv is its type and descriptor, or `activated`, for one echo on each socket passed. */
import { activatedSockets, adoptChannel, adoptListener } from '@ipc/socket';

const [, , type, fd] = process.argv;
if (type === 'activated') {
  for (const socket of activatedSockets()) {
    await using listener = adoptListener(socket.fd, socket.name);
    await using channel = await listener.accept();
    for await (const message of channel)
      await channel.send(Buffer.concat([message, Buffer.from(listener.name)]));
  }
  if (activatedSockets().length > 0) process.exitCode = 1;
} else {
  await using channel = adoptChannel(Number(fd), { type: type === 'seqpacket' ? 'seqpacket' : 'stream' });
  for await (const message of channel) await channel.send(message);
}
