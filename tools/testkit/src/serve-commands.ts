import { linkToParent, type PeerLink } from './peer-link.ts';
import { READY, type Call, type Command, type Reply } from './peer-protocol.ts';

/**
 * Runs in a peer process: answers the calls of {@link Peer.call} with `commands`.
 *
 * The peer lives as long as its parent is connected. The command `leave`, which every peer has,
 * lets go of the parent: the process must then end by itself.
 */
export function serveCommands(
  commands: Readonly<Record<string, Command>>,
  link: PeerLink = linkToParent,
): void {
  const leave = (): void => {
    setImmediate(() => {
      link.end(); // after the reply was sent
    });
  };
  const all: Readonly<Record<string, Command | undefined>> = { leave, ...commands };
  link.onMessage((call) => {
    const { id, command, args } = call as Call;
    const run = (): unknown => {
      const action = all[command];
      if (action === undefined) throw new TypeError(`the peer has no command "${command}"`);
      return action(...(args as never[]));
    };
    new Promise((resolve) => {
      resolve(run());
    }).then(
      (value) => {
        link.send({ id, value } satisfies Reply);
      },
      (error: unknown) => {
        const { message, code } = error as NodeJS.ErrnoException;
        link.send({ id, error: code === undefined ? { message } : { message, code } } satisfies Reply);
      },
    );
  });
  link.send(READY);
}
