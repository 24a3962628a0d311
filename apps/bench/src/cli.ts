/** The command line: what is asked for, checked. */
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Need } from './choose.ts';
import type { RunOptions } from './run.ts';
import { scenarios } from './scenarios/index.ts';
import { parseSize } from './size.ts';
import { subjectIds } from './subjects/index.ts';

export type Invocation =
  | RunInvocation
  | { readonly verb: 'compare'; readonly before: string; readonly after: string; readonly threshold: number }
  | ReportInvocation
  | { readonly verb: 'choose'; readonly file: string | undefined; readonly need: Need }
  | { readonly verb: 'doctor' }
  | { readonly verb: 'list' };

export interface RunInvocation extends RunOptions {
  readonly verb: 'run';
  /** Where the JSON goes; without, to the default place. */
  readonly json: string | undefined;
  readonly markdown: boolean;
  /** Only what would be measured. */
  readonly dryRun: boolean;
}

export interface ReportInvocation {
  readonly verb: 'report';
  /** Without, the last run. */
  readonly file: string | undefined;
  /** Where each form goes; with none, text to stdout. */
  readonly html?: string;
  readonly md?: string;
  readonly csv?: string;
}

interface RunArguments {
  readonly quick: boolean;
  readonly full: boolean;
  readonly only: readonly string[];
  readonly in: readonly string[];
  readonly subject: readonly string[];
  readonly scenario: readonly string[];
  readonly size?: readonly number[];
  readonly repeats?: number;
  readonly seconds?: number;
  readonly patience: number;
  readonly json?: string;
  readonly markdown: boolean;
  readonly dryRun: boolean;
}

interface ChooseOptions extends Omit<Need, 'messageBytes' | 'prefer'> {
  readonly size: number;
  readonly prefer: Need['prefer'];
}

/** What a run is without any option, a quick one, and a full one. */
const modes = {
  quick: { messageBytes: [64, 64 << 10], repeats: 1, seconds: 15 },
  default: { messageBytes: [64, 1 << 10, 64 << 10, 1 << 20], repeats: 5, seconds: 115 },
  full: {
    messageBytes: [64, 1 << 10, 64 << 10, 1 << 20, 64 << 20],
    repeats: 10,
    seconds: 1185,
  },
} as const;

/**
 * Reads the arguments after the program's name. Without a verb it is `run`.
 *
 * @returns What to do.
 * @throws {CommanderError} Help was asked for and given: its `exitCode` is 0. Or an argument is wrong, which was
 *   explained on stderr.
 */
export function parseCli(args: readonly string[]): Invocation {
  let invocation: Invocation | undefined;
  const program = new Command('bench')
    .description(
      'Measures every IPC mechanism of this machine between two real processes, beside rivals and a C floor.',
    )
    .exitOverride();
  // With `exitOverride` first: commands inherit it.
  addRun(program, (run) => (invocation = run));
  program
    .command('compare <before.json> <after.json>')
    .description('what has become better or worse; ends with 1 when something has become worse')
    .option('--threshold <percent>', 'smaller changes are none', percentage, 0.1)
    .action((before: string, after: string, { threshold }: { threshold: number }) => {
      invocation = { verb: 'compare', before, after, threshold };
    });
  program
    .command('report [result.json]')
    .description('a result once more, the last one by default: as text, or in other forms')
    .option('--html <file>', 'one page with plots that needs no network')
    .option('--md <file>', 'Markdown')
    .option('--csv <file>', 'a line per result')
    .action((file: string | undefined, forms: { html?: string; md?: string; csv?: string }) => {
      invocation = { verb: 'report', file, ...forms };
    });
  program
    .command('choose [result.json]')
    .description('which mechanism suits a need, by what was measured here')
    .option('--size <size>', 'bytes of a message', size, 64)
    .option('--rate <count>', 'messages per second it has to carry', positiveInteger)
    .option('--receivers <count>', 'processes that receive, every one all messages', positiveInteger, 1)
    .option('--shared', 'each message goes to one of the receivers, whoever comes first', false)
    .option('--remote', 'on different machines', false)
    .option('--durable', 'messages outlive the processes', false)
    .addOption(
      new Option(
        '--ordering <of>',
        "each sender's messages in order, all senders' in one order for all receivers, or urgent ones first",
      )
        .choices(['sender', 'total', 'priority'])
        .default('sender'),
    )
    .addOption(
      new Option('--prefer <what>', 'what comes first')
        .choices(['latency', 'throughput', 'cpu'])
        .default('latency'),
    )
    .action((file: string | undefined, { size: messageBytes, ...need }: ChooseOptions) => {
      invocation = { verb: 'choose', file, need: { messageBytes, ...need } };
    });
  program
    .command('doctor')
    .description('what makes this machine noisy or limits it, and the command that changes it')
    .action(() => {
      invocation = { verb: 'doctor' };
    });
  program
    .command('list')
    .description('the subjects and scenarios there are')
    .action(() => {
      invocation = { verb: 'list' };
    });
  program.parse([...args], { from: 'user' });
  if (invocation === undefined) throw new TypeError('no command has taken the arguments');
  return invocation;
}

function addRun(program: Command, take: (run: RunInvocation) => void): void {
  const command = program
    .command('run', { isDefault: true })
    .description('measure; what is done without a verb')
    .option('--quick', 'one repeat of two sizes, in under 20 seconds: a look, not a figure', false)
    .addOption(
      new Option('--full', 'ten repeats and every scenario, in under 20 minutes')
        .default(false)
        .conflicts('quick'),
    )
    .option(
      '--only <subject...>',
      `subjects whose name begins so, e.g. shm socket.unix (${subjectIds.join(', ')})`,
      commas,
      [],
    )
    .option('--in <scenario...>', 'scenarios whose name begins so, e.g. round-trip wake-up', commas, [])
    .option(
      '--subject <module...>',
      "also a subject of one's own: a JavaScript module that exports `subject`",
      modules,
      [],
    )
    .option(
      '--scenario <module...>',
      "also a scenario of one's own: a JavaScript module that exports `scenario`",
      modules,
      [],
    )
    .option('--size <size...>', 'message sizes, e.g. 64,1k,64k,1m', sizes)
    .option('--repeats <count>', 'repeats of each figure', positiveInteger)
    .option('--seconds <count>', 'what the whole run may take, roughly', positiveInteger)
    .option(
      '--patience <seconds>',
      'how long a process may be silent before it is said to hang and is killed',
      positiveInteger,
      20,
    )
    .option('--json <file>', 'write the results here (default: build/results/latest.json of the app)')
    .option('--markdown', 'print the tables as Markdown', false)
    .option('--dry-run', 'what would be measured and about how long it takes, and nothing else', false)
    .allowExcessArguments(true) // to say what is wrong with them
    .action((options: RunArguments) => {
      const [stray] = command.args;
      if (stray !== undefined) refuse(program, stray);
      take(complete(options, command));
    });
}

function refuse(program: Command, stray: string): never {
  const verbs = program.commands.map((verb) => verb.name());
  return program.error(`error: there is no verb ${stray}; there are ${verbs.join(', ')}`);
}

function complete(options: RunArguments, command: Command): RunInvocation {
  const named = options.full ? 'full' : options.quick ? 'quick' : 'default';
  const mode = modes[named];
  const isChosen = options.only.length > 0 || options.subject.length > 0;
  return {
    verb: 'run',
    isChosen,
    depth: isChosen && named === 'default' ? 'chosen' : named,
    subjects: [...options.subject, ...chosenSubjects(options, command)],
    scenarioModules: options.scenario,
    scenarioIds: chosenScenarios(options, command),
    messageBytes: options.size ?? mode.messageBytes,
    areSizesChosen: options.size !== undefined,
    repeats: options.repeats ?? mode.repeats,
    isStrict: options.seconds === undefined,
    budgetMs: (options.seconds ?? mode.seconds) * 1000,
    patienceMs: options.patience * 1000,
    json: options.json,
    markdown: options.markdown,
    dryRun: options.dryRun,
  };
}

/** Those that were asked for; all, unless only a subject of one's own was. */
function chosenSubjects({ only, subject }: RunArguments, command: Command): readonly string[] {
  if (only.length === 0) return subject.length === 0 ? subjectIds : [];
  return beginningSo('subject', subjectIds, only, command);
}

function chosenScenarios({ in: prefixes }: RunArguments, command: Command): readonly string[] | undefined {
  if (prefixes.length === 0) return undefined;
  const ids = scenarios.map(({ id }) => id);
  return beginningSo('scenario', ids, prefixes, command);
}

function beginningSo(
  what: string,
  names: readonly string[],
  prefixes: readonly string[],
  command: Command,
): string[] {
  const unknown = prefixes.filter((prefix) => !names.some((name) => name.startsWith(prefix)));
  if (unknown.length > 0) {
    command.error(
      `error: no ${what}'s name begins with ${unknown.join(' or ')}; there are ${names.join(', ')}`,
    );
  }
  return names.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

function modules(path: string, previous: readonly string[]): string[] {
  return [...previous, pathToFileURL(path).href];
}

function commas(value: string, previous: readonly string[]): string[] {
  const parts = value.split(',').filter((part) => part !== '');
  if (parts.length === 0) throw new InvalidArgumentError('nothing is named there.');
  return [...previous, ...parts];
}

function sizes(value: string, previous: readonly number[] = []): number[] {
  return [...new Set([...previous, ...commas(value, []).map(size)])].sort((a, b) => a - b);
}

function size(value: string): number {
  try {
    return parseSize(value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** `10` and `10%` are 0.1. */
function percentage(value: string): number {
  const percent = Number(value.replace(/%$/, ''));
  if (!(percent > 0 && percent < 100))
    throw new InvalidArgumentError('a number of percent under 100 is needed.');
  return percent / 100;
}

function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('a positive integer is needed.');
  return number;
}
