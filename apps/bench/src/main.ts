#!/usr/bin/env node
import { CommanderError } from 'commander';
import { choose, unmeasured } from './choose.ts';
import { parseCli, type Invocation, type ReportInvocation, type RunInvocation } from './cli.ts';
import { compare, differences } from './compare.ts';
import { diagnose } from './doctor.ts';
import { observeEnvironment } from './environment.ts';
import { checkWritable, keeper, latestFile, save } from './output-file.ts';
import { ProgressLine } from './progress.ts';
import { renderCandidates } from './render/candidates.ts';
import { renderChecks } from './render/checks.ts';
import { renderComparison } from './render/comparison.ts';
import { renderCsv } from './render/csv.ts';
import { renderHtml } from './render/html.ts';
import { renderMarkdown } from './render/markdown.ts';
import { renderPreview } from './render/preview.ts';
import { renderTerminal } from './render/terminal.ts';
import { readReport } from './report-file.ts';
import type { BenchReport } from './result.ts';
import { preview, run } from './run.ts';
import { scenarios } from './scenarios/index.ts';
import { subjectIds } from './subjects/index.ts';
import { UsageError } from './usage-error.ts';

/** Of a line; a file has no limit. */
const width = process.stdout.isTTY ? process.stdout.columns : Infinity;
const interrupt = new AbortController();
// Whoever reads may have enough, as `head` does: then there is nobody left to measure for.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    interrupt.abort(new Error('nobody reads the output any more'));
  });
}

/** Returns the exit code. */
async function execute(invocation: Invocation): Promise<number> {
  switch (invocation.verb) {
    case 'run':
      if (!invocation.dryRun) return measure(invocation);
      process.stdout.write(renderPreview(await preview(invocation)));
      return 0;
    case 'compare': {
      const { before, after, threshold } = invocation;
      const compared = compare(readReport(before), readReport(after), threshold);
      if (compared.comparisons.length === 0)
        throw new UsageError(`${before} and ${after} have no result in common`);
      process.stdout.write(renderComparison(compared, width));
      return compared.comparisons.some(({ verdict }) => verdict === 'worse') ? 1 : 0;
    }
    case 'report':
      return tellAgain(invocation);
    case 'choose': {
      const { file = latestFile, need } = invocation;
      const report = readReport(file);
      const candidates = choose(report, need);
      const elsewhere = differences(report.environment, observeEnvironment());
      process.stdout.write(
        renderCandidates({ candidates, unmeasured: unmeasured(report), file, report, elsewhere }),
      );
      return 0;
    }
    case 'doctor':
      process.stdout.write(renderChecks(diagnose(observeEnvironment())));
      return 0;
    case 'list': {
      const questions = scenarios.map(({ id, question }) => `  ${id.padEnd(20)} ${question}`);
      const lines = ['subjects', ...subjectIds.map((id) => `  ${id}`), '', 'scenarios', ...questions];
      process.stdout.write(`${lines.join('\n')}\n`);
      return 0;
    }
  }
}

async function measure(options: RunInvocation): Promise<number> {
  const file = options.json ?? latestFile;
  await checkWritable(file);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Also when it comes twice, from the terminal and from the package manager: the first one is obeyed in peace.
    process.on(signal, () => {
      interrupt.abort(new Error(`interrupted by ${signal}`));
    });
  }
  const progress = new ProgressLine(process.stderr);
  const keep = keeper(file);
  const report = await run(options, {
    signal: interrupt.signal,
    onProgress(now) {
      progress.show(now);
    },
    onMeasured: (soFar) => keep(() => textOf(soFar())),
  });
  progress.clear();
  const isDone = report.environment.run.failures.length === 0 && report.results.length > 0;
  const code = interrupt.signal.aborted ? 130 : isDone ? 0 : 1;
  process.stdout.write(options.markdown ? renderMarkdown(report) : renderTerminal(report, width));
  await save(file, textOf(report));
  return code;
}

function textOf(report: BenchReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

async function tellAgain({ file = latestFile, html, md, csv }: ReportInvocation): Promise<number> {
  const report = readReport(file);
  if (html !== undefined) await save(html, renderHtml(report));
  if (md !== undefined) await save(md, renderMarkdown(report));
  if (csv !== undefined) await save(csv, renderCsv(report));
  if (html === undefined && md === undefined && csv === undefined)
    process.stdout.write(renderTerminal(report, width));
  return 0;
}

try {
  process.exitCode = await execute(parseCli(process.argv.slice(2)));
} catch (error) {
  if (error instanceof UsageError) process.stderr.write(`error: ${error.message}\n`);
  else if (!(error instanceof CommanderError)) throw error;
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  process.exitCode = isHelp ? 0 : 2;
}
