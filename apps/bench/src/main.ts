#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { parseCli, type CliOptions } from './cli.ts';
import { ProgressLine } from './progress.ts';
import { renderMarkdown } from './render/markdown.ts';
import { renderTerminal } from './render/terminal.ts';
import { run } from './run.ts';

const defaultJson = fileURLToPath(new URL('../build/results/latest.json', import.meta.url));

async function main(options: CliOptions): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      interrupt.abort(new Error(`interrupted by ${signal}`));
    });
  }
  const progress = new ProgressLine(process.stderr);
  const report = await run({
    ...options,
    signal: interrupt.signal,
    onProgress(now) {
      progress.show(now);
    },
  });
  progress.clear();
  process.stdout.write(options.markdown ? renderMarkdown(report) : renderTerminal(report));
  const file = options.json ?? defaultJson;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  process.stderr.write(`results: ${file}\n`);
  if (interrupt.signal.aborted) return 130;
  return report.environment.run.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(parseCli(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode;
}
