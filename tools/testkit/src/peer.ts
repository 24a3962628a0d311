/** A peer: a program in a process of its own that answers calls, can be killed and stopped at will. */
import type { ChildProcess } from 'node:child_process';
import type { PeerLink } from './peer-link.ts';
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

/** The peer that a child process is which calls `serveCommands` at the other end of `link`. Resolves when it can be called. */
export async function peerOf(child: ChildProcess, link: PeerLink, label: string): Promise<Peer> {
  const exited = new Promise<PeerExit>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
  const calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let ids = 0;
  let over: Error | undefined;

  const ready = new Promise<void>((resolve, reject) => {
    link.onMessage((value) => {
      const reply = value as Reply | typeof READY;
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
      over = new Error(`the peer ${label} ended (code ${String(code)}, signal ${String(signal)})`);
      reject(over);
      for (const call of calls.values()) call.reject(over);
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
        if (over !== undefined) reject(over);
        calls.set(id, { resolve, reject });
        link.send({ id, command, args });
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
