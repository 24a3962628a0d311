/** `@ipc/sync` over the modelled kernel. */
import * as core from '@ipc/core';
import type * as sync from '@ipc/sync';
import { sharedGlobals } from '../globals.ts';
import { Source, type Edit, type Exports } from '../source.ts';
import { ModelRegion } from '../model-region.ts';
import { crypto, fs, loopGlobals, LoopPromise, native, os, remember, startThread } from '../thread.ts';

const globals = { ...sharedGlobals, ...loopGlobals, Promise: LoopPromise };

/** Constants made small: more of the same looks would be more of the same states. */
const smaller: readonly Edit[] = [
  { file: 'packages/sync/src/guard.ts', from: 'const looks = 200;', to: 'const looks = 1;' },
  {
    file: 'packages/sync/src/guard.ts',
    from: 'const impatientRounds = 5;',
    to: 'const impatientRounds = 1;',
  },
  {
    file: 'packages/sync/src/guard.ts',
    from: 'round < rounds; round++',
    to: 'round < rounds; round = Math.min(round + 1, impatientRounds)',
  },
  { file: 'packages/sync/src/bell.ts', from: 'Uint8Array(4096)', to: 'Uint8Array(4)' },
  { file: 'packages/sync/src/guard.ts', from: '= [0.01, 1];', to: '= [1, 1];' },
];

/** The variables that modules have, one set for each thread: emptied before each run. */
const cleared: readonly Edit[] = [
  {
    file: 'packages/sync/src/bell.ts',
    from: 'let users = 0;',
    to: 'let users = 0; export function clear(): void { bell = undefined; users = 0; }',
  },
  {
    file: 'packages/sync/src/bell-line.ts',
    from: 'const lines = new Map<string, BellLine>();',
    to: 'const lines = new Map<string, BellLine>(); export function clear(): void { lines.clear(); }',
  },
];

type Sync = typeof sync;

export interface LockSource {
  /** The exports of files, with nothing in the variables of modules, on a thread with nothing on its event loop. */
  fresh(...files: readonly string[]): Sync;
  /** A region as large as so many embedded locks. */
  region(participants: number, locks?: number): never;
}

export function lockSource(edits: readonly Edit[]): LockSource {
  const { WaitQueue } = new Source(globals, {}, []).load('packages/core/src/wait-queue.ts');
  const imports = {
    '@ipc/core': { ...core, WaitQueue },
    '@ipc/shm': { Region: ModelRegion },
    '@ipc/native': native,
    'node:fs': fs,
    'node:crypto': crypto,
    'node:os': os,
  };
  const source = new Source(globals, imports, [...smaller, ...cleared, ...edits], true);
  const modules = new Map<string, Exports>();
  const load = (file: string): Exports => source.load(`packages/sync/src/${file}`, modules);
  return {
    fresh(...files) {
      startThread();
      remember(source.variables);
      for (const each of ['bell.ts', 'bell-line.ts']) (load(each) as { readonly clear: () => void }).clear();
      return Object.assign({}, ...files.map(load)) as Sync;
    },
    region: (participants, locks = 1) =>
      new ModelRegion('model', 'model', areaBytes(participants) * locks) as never,
  };
}

/** As in lock-layout.ts, in words: the slots, and in each what its participant holds. */
export const slotsAt = 32;
export const slotWords = 16;
export const heldAt = 8;

/** As `areaBytes` of lock-layout.ts. */
export function areaBytes(participants: number): number {
  return (slotsAt + participants * slotWords) * 4;
}
