/** Where results go. */
import { constants } from 'node:fs';
import { access, lstat, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from './usage-error.ts';

/** The last run, unless it was told to go elsewhere. */
export const latestFile: string = fileURLToPath(new URL('../build/results/latest.json', import.meta.url));

/**
 * Looks whether it can be written, and changes nothing: better said before minutes of measuring than after.
 *
 * @throws {UsageError} It cannot.
 */
export async function checkWritable(file: string): Promise<void> {
  await told(file, async () => {
    if (file === latestFile) await mkdir(dirname(file), { recursive: true });
    try {
      await (await open(file, constants.O_WRONLY)).close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await access(dirname(file), constants.W_OK);
    }
  });
}

/** @throws {UsageError} It cannot be written. */
export async function save(file: string, text: string): Promise<void> {
  await told(file, async () => ((await isReplaceable(file)) ? replace(file, text) : writeFile(file, text)));
  process.stderr.write(`results: ${file}\n`);
}

/** Between two times that what there is so far is kept. */
const leastPauseMs = 1000;
/** So many times as long as it takes. */
const pauses = 50;

/**
 * Keeps what there is so far, for who finds the file when the run was killed: now and then, a fiftieth of the time at the most.
 * What is wrong with the file is told when all is saved.
 */
export function keeper(file: string): (text: () => string) => Promise<void> {
  let dueMs = 0;
  return async (text) => {
    const beginMs = performance.now();
    if (beginMs < dueMs || !(await isReplaceable(file))) return;
    await replace(file, text()).catch(() => undefined);
    const endMs = performance.now();
    dueMs = endMs + Math.max(leastPauseMs, pauses * (endMs - beginMs));
  };
}

/** Whoever reads it, also after a death at any step, finds the old text or the new one, and no part of either. */
async function replace(file: string, text: string): Promise<void> {
  const passing = `${file}.partial`;
  await writeFile(passing, text);
  await rename(passing, file);
}

/** Unlike a device, a pipe or a link, which must stay what it is, or a file in a directory of somebody else. */
async function isReplaceable(file: string): Promise<boolean> {
  try {
    await access(dirname(file), constants.W_OK);
    return (await lstat(file)).isFile();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

async function told(file: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${(error as Error).message}`);
  }
}
