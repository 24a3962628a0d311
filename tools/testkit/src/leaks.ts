/** Nothing may be left when a suite is over: descriptors, shared memory, queues, files, processes. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { runtimeDirectory } from '@ipc/core';
import { afterAll, beforeAll, expect } from 'vitest';
import { namePrefix } from './unique-name.ts';

/** Everything this process holds or has named, one line each. */
export function resources(): string[] {
  return [
    ...descriptors(),
    ...children(),
    ...named('/dev/shm'),
    ...named('/dev/mqueue'),
    ...named(runtimeDirectory()),
  ];
}

/** Call at the top of a test file: after its last test, everything opened since its first must be gone. */
export function noLeaks(): void {
  let before = new Set<string>();
  beforeAll(() => {
    before = new Set(resources());
  });
  afterAll(async () => {
    const leaked = (): string[] => resources().filter((resource) => !before.has(resource));
    // Closing a socket or reaping a child takes a few turns of the event loop; a leak stays.
    for (let tries = 0; tries < 100 && leaked().length > 0; tries++) await setTimeout(20);
    expect(leaked(), 'left behind').toEqual([]);
  });
}

const O_CLOEXEC = 0o2000000;

/** The descriptors of this process that a program it executes would have too, with their flags. */
export function inheritable(): string[] {
  return list('/proc/self/fd').flatMap((fd) => {
    try {
      const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
      return (parseInt(flags, 8) & O_CLOEXEC) === 0 ? [`fd ${fd}: ${flags}`] : [];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
}

function descriptors(): string[] {
  const open: string[] = [];
  for (const fd of list('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (!target.startsWith('/proc/')) open.push(`fd ${fd} -> ${target}`);
    } catch {
      // the descriptor of the listing itself
    }
  }
  return open;
}

function children(): string[] {
  try {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
    return pids === '' ? [] : pids.split(' ').map((pid) => `child ${pid}`);
  } catch {
    return [];
  }
}

function named(directory: string): string[] {
  return list(directory)
    .filter((name) => name.includes(namePrefix))
    .map((name) => `${directory}/${name}`);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
