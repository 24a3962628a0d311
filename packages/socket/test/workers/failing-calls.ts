/** What may fail of unix sockets, and the work that has to bear it; see `failEachCall`. */
import { constants } from 'node:os';
import {
  openDatagramReceiver,
  openDatagramSender,
  passableSocket,
  sameUser,
  seqpacket,
  takeDescriptors,
  unix,
  withDescriptors,
} from '@ipc/socket';
import type { Channel, Closable, Listener, Transport } from '@ipc/core';
import * as native from '@ipc/native';
import { exchange, failEachCall } from '@ipc/testkit/failing-calls';

/** A close that fails has closed. */
function letGo(fd: number): void {
  try {
    native.close(fd);
  } catch {
    // see above
  }
}

/** Both ends. When the far one cannot be made its connection is closed, and the near one hears of that. */
async function connected(
  own: <E extends Closable>(end: E) => E,
  transport: Transport,
  listener: Listener,
): Promise<[near: Channel, far: Channel]> {
  const near = own(await transport.connect(listener.name));
  const lost = near.closed.then((error) => Promise.reject(error ?? new Error('an end')));
  return [near, own(await Promise.race([listener.accept(), lost]))];
}

/** One descriptor, from end to end. */
async function pass(near: Channel, far: Channel): Promise<void> {
  const passed = native.eventfd(0);
  try {
    await near.send(withDescriptors(new Uint8Array(3), [passed]));
  } catch (error) {
    letGo(passed);
    throw error;
  }
  const lost = near.closed.then((error) => Promise.reject(error ?? new Error('an end')));
  const received = await Promise.race([far.receive(), lost]);
  if (received?.length !== 3) throw new Error('not the message');
  takeDescriptors(received).forEach(letGo);
}

const prefix = process.argv[2] ?? 'failing';
const { EIO, EMFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM } = constants.errno;

process.removeAllListeners('warning'); // of a connection that could not be served

await failEachCall({
  prefix,
  failures: {
    socket: EMFILE,
    socketpair: EMFILE,
    bind: ENOSPC,
    listen: EPERM,
    connect: EPERM,
    accept4: EMFILE,
    getsockopt: ENOBUFS,
    setsockopt: ENOMEM,
    open: EMFILE,
    chmod: EPERM,
    rename: EIO,
    unlink: EIO,
    fcntl: EPERM,
    write: EIO,
    writev: EIO,
    sendmsg: ENOMEM,
    recvmsg: ENOMEM,
    sendmmsg: ENOMEM,
    recvmmsg: ENOMEM,
    close: EIO,
  },
  // What cannot be unlinked stays, and so does a lock file that could not be locked.
  mayStay: (call, file) => call === 'unlink' || (call === 'fcntl' && file.endsWith('.lock')),
  work: {
    async unix(own) {
      const transport = unix({ maxDescriptors: 1 });
      const listener = own(await transport.listen(`${prefix}-u`));
      const [near, far] = await connected(own, transport, listener);
      await pass(near, far);
      await exchange(near, far, [3, 100_000]);
      await Promise.all([near.close(), far.close(), listener.close()]);
    },
    async seqpacket(own) {
      const transport = seqpacket({ authorize: sameUser(), maxDescriptors: 1, maxMessageBytes: 20_000 });
      const listener = own(await transport.listen(`${prefix}-s`));
      const [near, far] = await connected(own, transport, listener);
      await pass(near, far);
      await exchange(near, far, [3, 10_000]);
      await Promise.all([near.close(), far.close(), listener.close()]);
    },
    async pair(own) {
      const { channel, descriptor } = passableSocket();
      own(channel);
      letGo(descriptor);
      await channel.close();
    },
    async datagram(own) {
      const receiver = own(openDatagramReceiver(`${prefix}-d`));
      const sender = own(openDatagramSender(`${prefix}-d`));
      await exchange(sender, receiver, [3, 10_000]);
      await Promise.all([sender.close(), receiver.close()]);
    },
  },
});
