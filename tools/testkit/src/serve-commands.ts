import { READY, type Call, type Command, type Reply } from './peer-protocol.ts';

/**
 * Runs in a peer process: answers the calls of {@link Peer.call} with `commands`.
 *
 * The peer lives as long as its parent is connected. The command `leave`, which every peer has,
 * lets go of the parent: the process must then end by itself.
 */
export function serveCommands(commands: Readonly<Record<string, Command>>): void {
  const leave = (): void => {
    setImmediate(() => {
      process.disconnect(); // after the reply has left
    });
  };
  const all: Readonly<Record<string, Command | undefined>> = { leave, ...commands };
  const answer = (reply: Reply): void => {
    process.send?.(reply);
  };
  process.on('message', ({ id, command, args }: Call) => {
    const run = (): unknown => {
      const action = all[command];
      if (action === undefined) throw new TypeError(`the peer has no command "${command}"`);
      return action(...(args as never[]));
    };
    new Promise((resolve) => {
      resolve(run());
    }).then(
      (value) => {
        answer({ id, value });
      },
      (error: unknown) => {
        const { message, code } = error as NodeJS.ErrnoException;
        answer({ id, error: code === undefined ? { message } : { message, code } });
      },
    );
  });
  process.send?.(READY);
}
