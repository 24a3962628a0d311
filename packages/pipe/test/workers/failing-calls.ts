/** What may fail of pipes and FIFOs, and the work that has to bear it; see `failEachCall`. */
import { constants } from 'node:os';
import { fifo, openFifoReceiver, openFifoSender, packetPipe, pipe, pipePair } from '@ipc/pipe';
import { exchange, failEachCall, meet } from '@ipc/testkit/failing-calls';

const prefix = process.argv[2] ?? 'failing';
const { EIO, EMFILE, ENOSPC, EPERM } = constants.errno;

const failures = {
  pipe2: EMFILE,
  open: EMFILE,
  mkfifo: ENOSPC,
  chmod: EPERM,
  rename: EIO,
  unlink: EIO,
  fcntl: EPERM,
  ioctl: EIO,
  read: EIO,
  readv: EIO,
  write: EIO,
  writev: EIO,
  close: EIO,
};

await failEachCall({
  prefix,
  failures,
  // What cannot be unlinked stays, and so does a lock file that could not be locked.
  mayStay: (call, file) => call === 'unlink' || (call === 'fcntl' && file.endsWith('.lock')),
  work: {
    async pipes(own) {
      for (const make of [() => pipe(), () => pipe({ format: 'lines' }), () => packetPipe()]) {
        const { sender, receiver } = make();
        own(sender);
        own(receiver);
        await exchange(sender, receiver, [3, 2_000]);
        await Promise.all([sender.close(), receiver.receive()]);
        await receiver.close();
      }
    },
    async channel(own) {
      const [a, b] = pipePair();
      own(a);
      own(b);
      await exchange(a, b, [3, 100_000]);
      await Promise.all([a.close(), b.close()]);
    },
    async fifo(own) {
      const listener = own(await fifo().listen(`${prefix}-a`));
      const [near, far] = await meet(
        own,
        (signal) => fifo().connect(`${prefix}-a`, { signal }),
        (signal) => listener.accept({ signal }),
      );
      await exchange(near, far, [3]);
      await Promise.all([near.close(), far.close(), listener.close()]);
    },
    async records(own) {
      const receiver = own(await openFifoReceiver(`${prefix}-b`));
      const sender = own(await openFifoSender(`${prefix}-b`, { maxMessageBytes: 100_000 }));
      await exchange(sender, receiver, [3, 10_000]);
      await Promise.all([sender.close(), receiver.close()]);
    },
  },
});
