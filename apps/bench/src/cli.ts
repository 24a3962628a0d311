/** The command line: what is asked for, checked. */
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { Depth } from './plan.ts';
import { parseSize } from './size.ts';
import { subjectIds } from './subjects/index.ts';

export interface CliOptions {
  /** Ids, or URLs of modules. */
  readonly subjects: readonly string[];
  readonly messageBytes: readonly number[];
  readonly repeats: number;
  readonly freshPairs: boolean;
  readonly depth: Depth;
  readonly budgetMs: number;
  /** Where the JSON goes; without, to the default place. */
  readonly json: string | undefined;
  readonly markdown: boolean;
}

interface Parsed {
  readonly quick: boolean;
  readonly full: boolean;
  readonly only: readonly string[];
  readonly subject: readonly string[];
  readonly size?: readonly number[];
  readonly repeats?: number;
  readonly seconds?: number;
  readonly json?: string;
  readonly markdown: boolean;
}

/** What a run is without any option, and a quick one. */
const modes = {
  quick: { messageBytes: [64, 64 << 10], repeats: 1, seconds: 14, freshPairs: false },
  default: { messageBytes: [64, 1 << 10, 64 << 10, 1 << 20], repeats: 3, seconds: 98, freshPairs: false },
  full: {
    messageBytes: [64, 1 << 10, 64 << 10, 1 << 20, 64 << 20],
    repeats: 10,
    seconds: 1080,
    freshPairs: true,
  },
} as const;

/**
 * Reads the arguments after the program's name.
 *
 * @returns What to run.
 * @throws {CommanderError} Help was asked for and given, or an argument is wrong and was explained on stderr; its
 *   `exitCode` is that of the program.
 */
export function parseCli(args: readonly string[]): CliOptions {
  const command = new Command('bench')
    .description(
      'Measures every IPC mechanism of this machine between two real processes, beside rivals and a C floor.',
    )
    .option('--quick', 'one repeat of two sizes, in under 20 seconds: a look, not a figure', false)
    .option('--full', 'ten repeats in fresh processes and every scenario, in under 20 minutes', false)
    .option(
      '--only <subject...>',
      `subjects whose name begins so, e.g. shm socket.unix (${subjectIds.join(', ')})`,
      commas,
      [],
    )
    .option(
      '--subject <module...>',
      "also a subject of one's own: a JavaScript module that exports `subject`",
      modules,
      [],
    )
    .option('--size <size...>', 'message sizes, e.g. 64,1k,64k,1m', sizes)
    .option('--repeats <count>', 'repeats of each figure', positiveInteger)
    .option('--seconds <count>', 'what the whole run may take, roughly', positiveInteger)
    .option('--json <file>', 'write the results here (default: build/results/latest.json of the app)')
    .option('--markdown', 'print the tables as Markdown', false)
    .allowExcessArguments(false)
    .exitOverride()
    .parse([...args], { from: 'user' });
  return complete(command.opts<Parsed>(), command);
}

function complete(parsed: Parsed, command: Command): CliOptions {
  const depth = parsed.full ? 'full' : parsed.quick ? 'quick' : 'default';
  const mode = modes[depth];
  return {
    depth,
    freshPairs: mode.freshPairs,
    subjects: [...parsed.subject, ...known(parsed, command)],
    messageBytes: parsed.size ?? mode.messageBytes,
    repeats: parsed.repeats ?? mode.repeats,
    budgetMs: (parsed.seconds ?? mode.seconds) * 1000,
    json: parsed.json,
    markdown: parsed.markdown,
  };
}

/** Those that were asked for; all, unless only a subject of one's own was. */
function known({ only, subject }: Parsed, command: Command): readonly string[] {
  if (only.length === 0) return subject.length === 0 ? subjectIds : [];
  const unknown = only.filter((prefix) => !subjectIds.some((id) => id.startsWith(prefix)));
  if (unknown.length > 0) {
    const names = subjectIds.join(', ');
    command.error(`error: no subject's name begins with ${unknown.join(' or ')}; there are ${names}`);
  }
  return subjectIds.filter((id) => only.some((prefix) => id.startsWith(prefix)));
}

function modules(path: string, previous: readonly string[]): string[] {
  return [...previous, pathToFileURL(path).href];
}

function commas(value: string, previous: readonly string[]): string[] {
  return [...previous, ...value.split(',').filter((part) => part !== '')];
}

function sizes(value: string, previous: readonly number[] = []): number[] {
  try {
    return [...new Set([...previous, ...commas(value, []).map(parseSize)])].sort((a, b) => a - b);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('a positive integer is needed.');
  return number;
}
