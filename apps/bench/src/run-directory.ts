/**
 * Where the crews of a run have their directories: sockets and FIFOs, and a record of what else they may leave under
 * their names.
 *
 * The run holds a lock on it, which the kernel gives back however the run ends. So the next run knows what was left by
 * one that was killed together with all its processes, and removes it. Source: flock(2).
 */
import { flock } from '@ipc/native';
import { Region } from '@ipc/shm';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from './subject.ts';
import { loadSubject, subjectIds } from './subjects/index.ts';

const prefix = 'ipc-bench-';

export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  readonly #descriptor: number;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /** Removes what killed runs of this user have left, and makes a new one, under the system's temporary directory. */
  static async make(): Promise<RunDirectory> {
    for (const name of await readdir(tmpdir()))
      if (name.startsWith(prefix)) await removeIfDead(join(tmpdir(), name));
    Region.reclaim();
    const passing = await mkdtemp(join(tmpdir(), `.${prefix}`));
    const descriptor = openSync(passing, 'r');
    flock(descriptor, 'exclusive');
    // Only now under its own name: what has that and no lock is dead.
    const path = passing.replace(`.${prefix}`, prefix);
    await rename(passing, path);
    return new RunDirectory(path, descriptor);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
    Region.reclaim(); // of what had to be killed
    closeSync(this.#descriptor);
  }
}

/** What a crew may leave under its name, if it has no chance to remove it. */
export type CrewRecord = Pick<Session, 'name' | 'directory'> & { readonly subject: string };

const recordIn = (directory: string): string => join(directory, 'crew.json');

/** Before anything of a crew is opened. */
export async function recordCrew({ name, directory, subject }: CrewRecord): Promise<void> {
  await writeFile(recordIn(directory), JSON.stringify({ name, subject }));
}

async function removeIfDead(run: string): Promise<void> {
  try {
    // Another user's records are not to be trusted.
    if ((await stat(run)).uid !== process.getuid?.()) return;
    const descriptor = openSync(run, 'r');
    try {
      if (!flock(descriptor, 'exclusive')) return;
      for (const crew of await readdir(run)) await cleanUp(join(run, crew));
      await rm(run, { recursive: true, force: true });
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // gone meanwhile: its last process did the same, or another run
  }
}

async function cleanUp(directory: string): Promise<void> {
  try {
    const record = JSON.parse(await readFile(recordIn(directory), 'utf8')) as CrewRecord;
    if (!subjectIds.includes(record.subject)) return; // one's own is not loaded again unasked
    const subject = await loadSubject(record.subject);
    subject.cleanUp?.({ name: record.name, directory });
  } catch {
    // killed before it was recorded: before there was anything
  }
}
