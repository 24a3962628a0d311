/** A thread that says when it is where its argument says, and waits there until it is terminated: `terminated <place> <name>`. */
import { parentPort } from 'node:worker_threads';
import { seqpacket, unix } from '@ipc/socket';

const [place = '', name = ''] = process.argv.slice(2);

const places: Record<string, (arrive: () => void) => Promise<unknown>> = {
  /** It listens, and has channels. */
  async connected(arrive) {
    const listener = await unix().listen(`${name}-stream`);
    const packets = await seqpacket().listen(`${name}-packets`);
    const channels = [await seqpacket().connect(`${name}-packets`), await packets.accept()];
    arrive();
    return Promise.all([listener.closed, ...channels.map((channel) => channel.receive())]);
  },
  /** The backlog of the listener is full. */
  connecting(arrive) {
    const channel = unix().connect(name);
    arrive();
    return channel;
  },
  /** It thinks about who has connected. */
  async admitting(arrive) {
    const authorize = (): Promise<boolean> => {
      arrive();
      return new Promise(() => undefined);
    };
    const listener = await unix({ authorize }).listen(name);
    await unix().connect(name);
    return listener.accept();
  },
};

await places[place]?.(() => parentPort?.postMessage(place));
