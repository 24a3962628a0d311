/** `demo [folder] [--workers N]`: a word index of a folder, built over every mechanism, and checked against one process. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs, isDeepStrictEqual } from 'node:util';
import { indexInParallel } from './index-in-parallel.ts';
import { listTextFiles } from './list-text-files.ts';
import { indexTexts } from './word-index.ts';

const { folder, workers } = readArguments();

try {
  await run();
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const { paths, skipped } = listTextFiles(folder);
  console.log(
    `${paths.length} text files in ${folder}${skipped > 0 ? `; ${skipped} left out: too large, not to be read, or with too long a path` : ''}`,
  );
  const { index, filesPerWorker } = await indexInParallel(paths, { workers });
  console.log(
    `read by 1 process, counted by ${workers} (${filesPerWorker.join(', ')} files), collected by 1`,
  );

  for (const { word, count, files } of index.slice(0, 15)) {
    console.log(`${String(count).padStart(8)}  ${word.padEnd(20)} in ${files} files`);
  }
  console.log(`${index.length} different words`);

  const decoder = new TextDecoder();
  const alone = indexTexts(paths.map((path) => decoder.decode(readFileSync(path))));
  if (!isDeepStrictEqual(index, alone))
    throw new Error('the index built by many processes differs from the one built by one');
  console.log('equal to the index built in one process');
}

function readArguments(): { readonly folder: string; readonly workers: number } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { workers: { type: 'string', default: '3' } },
    });
    const count = Number(values.workers);
    if (positionals.length <= 1 && Number.isInteger(count) && count >= 1 && count <= 64)
      return { folder: resolve(positionals[0] ?? '.'), workers: count };
  } catch {
    // an option that there is not
  }
  console.error('usage: demo [folder] [--workers 1..64]');
  process.exit(2);
}
