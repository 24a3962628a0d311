/** Programs in other languages, as peers: they are written from the documents alone. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import { python } from './python.ts';

export interface Foreign extends AsyncDisposable {
  readonly pid: number;
  /** The next line it prints. */
  line(): Promise<string>;
  /** Says something to it. */
  say(line: string): void;
  /** Says that there is nothing more to say, and waits until it has ended. */
  end(): Promise<number | null>;
  kill(): Promise<void>;
  readonly exited: Promise<number | null>;
}

/** Starts a peer with these arguments. */
export type StartForeign = (...args: string[]) => Foreign;

/**
 * What starts PEER.c of a folder (compiled here) or PEER.py; undefined where there is no Python.
 *
 * To be called while tests are collected.
 */
export function foreign(peers: string, peer: string, language: 'c' | 'python'): StartForeign | undefined {
  if (language === 'python') {
    return python === undefined
      ? undefined
      : (...args) => start(python as string, ['-B', join(peers, `${peer}.py`), ...args]);
  }
  const folder = mkdtempSync(join(tmpdir(), 'ipc-peer-'));
  const program = join(folder, peer);
  const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread'];
  beforeAll(() => {
    execFileSync('cc', [...flags, '-o', program, join(peers, `${peer}.c`)], { stdio: 'inherit' });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  return (...args) => start(program, args);
}

function start(command: string, args: string[]): Foreign {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  child.stdin.on('error', () => undefined); // EPIPE: it was killed, which its end tells
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  return {
    pid: child.pid ?? 0,
    exited,
    kill,
    async line() {
      const { value } = (await lines.next()) as { value?: string };
      return value ?? '(ended)';
    },
    say: (line) => child.stdin.write(`${line}\n`),
    end() {
      child.stdin.end();
      return exited;
    },
    [Symbol.asyncDispose]: kill,
  };
}
