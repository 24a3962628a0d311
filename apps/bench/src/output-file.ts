/** Where results go. */
import { constants } from 'node:fs';
import { access, mkdir, open, writeFile } from 'node:fs/promises';
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
  await told(file, () => writeFile(file, text));
  process.stderr.write(`results: ${file}\n`);
}

async function told(file: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${(error as Error).message}`);
  }
}
