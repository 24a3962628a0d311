/**
 * What may fail of TCP and UDP, and the work that has to bear it; see `failEachCall`. Not accept4, which libuv bears with a
 * descriptor it keeps for that; and not the sending of a datagram, which is lost then.
 */
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Closable } from '@ipc/core';
import { openUdpReceiver, openUdpSender, tcp } from '@ipc/socket';
import { exchange, failEachCall, type Own } from '@ipc/testkit/failing-calls';

const prefix = process.argv[2] ?? 'failing';
const { EIO, EMFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM } = constants.errno;

process.removeAllListeners('warning'); // of a connection that could not be served

function sockets(): number {
  let count = 0;
  for (let fd = 0; fd < 256; fd++) {
    try {
      if (fstatSync(fd).isSocket()) count++;
    } catch {
      // closed
    }
  }
  return count;
}

/** The end of a connection stays until the other has ended too, or five seconds; closing this waits for that. */
function lingering(): Closable {
  const before = sockets();
  return {
    closed: Promise.resolve(undefined),
    async close() {
      for (const lateMs = performance.now() + 7_000; sockets() > before && performance.now() < lateMs;)
        await setTimeout(2);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

await failEachCall({
  prefix,
  failures: {
    socket: EMFILE,
    bind: ENOSPC,
    listen: EPERM,
    connect: EPERM,
    getsockopt: ENOBUFS,
    setsockopt: ENOMEM,
    open: EMFILE,
    rename: EIO,
    unlink: EIO,
    fcntl: EPERM,
    read: EIO,
    write: EIO,
    writev: EIO,
    recvmsg: ENOMEM,
    close: EIO,
  },
  // What cannot be unlinked stays, and so does a lock file that could not be locked.
  mayStay: (call, file) => call === 'unlink' || (call === 'fcntl' && file.endsWith('.lock')),
  work: {
    async tcp(own: Own) {
      own(lingering());
      const listener = own(await tcp().listen(`${prefix}-t`));
      const near = own(await tcp().connect(listener.name));
      const lost = near.closed.then((error) => Promise.reject(error ?? new Error('an end')));
      const far = own(await Promise.race([listener.accept(), lost]));
      await exchange(near, far, [3, 100_000]);
      await Promise.all([near.close(), far.close(), listener.close()]);
    },
    async udp(own: Own) {
      const receiver = own(await openUdpReceiver({ port: 0 }));
      const sender = own(await openUdpSender({ port: receiver.port }));
      await exchange(sender, receiver, [3, 10_000]);
      await Promise.all([sender.close(), receiver.close()]);
    },
  },
});
