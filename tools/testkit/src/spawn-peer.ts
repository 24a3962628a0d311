/** Peers: programs in processes of their own, talked to over `process.send`, killed and stopped at will. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { READY, type Reply } from './peer-protocol.ts';

export interface PeerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A peer process. Disposing kills it and waits until it is gone. */
export interface Peer extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Runs one of the peer's commands there; rejects with an error of the same message and code. */
  call(command: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Sends a signal and waits for the end; SIGKILL by default. */
  kill(signal?: NodeJS.Signals): Promise<PeerExit>;
  /** SIGSTOP: the process is frozen, not dead. */
  stop(): void;
  /** SIGCONT. */
  resume(): void;
  readonly exited: Promise<PeerExit>;
}

/**
 * Starts a compiled worker file that calls `serveCommands` or `runPeer`.
 *
 * @param file - e.g. `new URL('../dist-test/workers/peer.js', import.meta.url)`.
 * @param args - For the worker's `process.argv`.
 */
export async function spawnPeer(file: URL, ...args: readonly string[]): Promise<Peer> {
  // Without execArgv: [] the child would inherit the test runner's own flags.
  const child = fork(fileURLToPath(file), args, {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = new Promise<PeerExit>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
  const calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let ids = 0;

  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (reply: Reply | typeof READY) => {
      if (reply === READY) {
        resolve();
        return;
      }
      const call = calls.get(reply.id);
      calls.delete(reply.id);
      if (reply.error === undefined) call?.resolve(reply.value);
      else call?.reject(Object.assign(new Error(reply.error.message), reply.error));
    });
    void exited.then(({ code, signal }) => {
      const error = new Error(
        `the peer ${fileURLToPath(file)} ended (code ${String(code)}, signal ${String(signal)})`,
      );
      reject(error);
      for (const call of calls.values()) call.reject(error);
    });
  });
  await ready;

  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<PeerExit> => {
    child.kill(signal);
    // A stopped process sees no other signal; and killed it must be before it can go on.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    return exited;
  };
  return {
    process: child,
    pid: child.pid ?? -1,
    exited,
    kill,
    call(command, ...args) {
      const id = ++ids;
      const replied = new Promise((resolve, reject) => {
        calls.set(id, { resolve, reject });
        child.send({ id, command, args }, (error) => {
          if (error !== null) reject(error);
        });
      });
      replied.catch(() => undefined); // a call that nobody awaits may be cut off by a kill
      return replied;
    },
    stop: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: async () => {
      await kill();
    },
  };
}
