/** Peers in C and Python, written from the documents alone. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { foreign, python, type Foreign, type StartForeign } from '@ipc/testkit';
import { expect, onTestFinished } from 'vitest';

const folder = join(import.meta.dirname, 'peers');
const probe = 'import ctypes; ctypes.CDLL("libatomic.so.1")';
const hasAtomics = python !== undefined && spawnSync(python, ['-c', probe], { stdio: 'ignore' }).status === 0;

/** Python without gcc's run-time library has no compare-and-exchange: its peers cannot run there. */
export const languages: readonly (readonly ['C' | 'Python', 'c' | 'python', boolean])[] = [
  ['C', 'c', true],
  ['Python', 'python', hasAtomics],
];

/** What starts a peer of this source in `peers`. To be called while tests are collected. */
export function peerOf(file: string, language: 'c' | 'python', canRun: boolean): StartForeign | undefined {
  return canRun ? foreign(folder, file, language) : undefined;
}

/** Starts one that joins a structure which this process has open. */
export async function joined(
  start: StartForeign | undefined,
  kind: string,
  name: string,
  ...args: string[]
): Promise<Foreign> {
  if (start === undefined) throw new Error('unreachable: skipped');
  const peer = start(`/dev/shm/ipc-${name}.${kind}`, ...args);
  onTestFinished(() => peer.kill());
  expect(await peer.line()).toBe('ready');
  return peer;
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
export const texts: readonly string[] = Array.from({ length: 300 }, (_, n) => `${n}-${'x'.repeat(n % 40)}`);
