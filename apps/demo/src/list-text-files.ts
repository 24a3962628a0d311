import { execFileSync } from 'node:child_process';
import { accessSync, constants, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Larger files are left out, and counted: a message carries a whole file. */
const MAX_FILE_BYTES = 256 << 10;

/** Longer paths do not fit a message of the queue. */
const MAX_PATH_BYTES = 4_096;

const skippedFolders = new Set(['.git', 'node_modules', 'dist', 'dist-test', 'build', '.turbo', 'coverage']);
const textEndings = /\.(?:c|css|csv|h|html|js|json|md|mjs|py|rs|sh|toml|ts|txt|xml|ya?ml)$/;

export interface TextFiles {
  readonly paths: readonly string[];
  /** What looked like text and is left out: too large, not to be read, or with too long a path. */
  readonly skipped: number;
}

/**
 * The text files below a folder, in a stable order: what git tracks where it is a checkout, else what is there.
 *
 * @throws The errors of `node:fs` when the folder cannot be read.
 */
export function listTextFiles(folder: string): TextFiles {
  const candidates = (trackedFiles(folder) ?? walk(folder)).filter((path) => textEndings.test(path)).sort();
  const paths = candidates.filter((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return (
      found?.isFile() === true &&
      found.size <= MAX_FILE_BYTES &&
      Buffer.byteLength(path) <= MAX_PATH_BYTES &&
      isReadable(path)
    );
  });
  return { paths, skipped: candidates.length - paths.length };
}

function trackedFiles(folder: string): string[] | undefined {
  try {
    const listing = execFileSync('git', ['ls-files', '-z'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const paths = listing.split('\0').filter((path) => path !== '');
    return paths.length === 0 ? undefined : paths.map((path) => join(folder, path));
  } catch {
    return undefined; // no git, or no checkout
  }
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skippedFolders.has(entry.name) || !isReadable(path) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false; // another user's
  }
}
