#!/usr/bin/env node
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { explore, type Exploration } from './explore.ts';
import { mutants } from './mutants.ts';
import { plan } from './plan.ts';

interface Options {
  readonly states: number;
  readonly minutes: number;
  readonly quick: boolean;
  readonly mutants: boolean;
  readonly only: string;
  readonly everyOrder: boolean;
  readonly preemptions?: number;
}

function count(text: string): number {
  const value = countOrNone(text);
  if (value < 1) throw new InvalidArgumentError('a number from 1');
  return value;
}

function countOrNone(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a number from 0');
  return value;
}

const options = new Command('model')
  .description('Runs the shipped algorithms through every interleaving of their steps.')
  .option('--states <count>', 'states of one scenario at most', count, 3_000_000)
  .option('--minutes <count>', 'of one scenario at most', count, 60)
  .option('--quick', 'what the tests run', false)
  .option('--mutants', 'broken sources instead, each of which must be caught', false)
  .option('--every-order', 'also orders of steps that come to the same', false)
  .option('--preemptions <count>', 'how often a party is stopped that could go on, at most', countOrNone)
  .option('--only <text>', 'scenarios whose name contains this', '')
  .parse()
  .opts<Options>();

/** What came of one scenario; tells at once, for each may take minutes. */
function run(exploration: Exploration, name: string): string {
  const { complete, violation } = exploration;
  const result =
    violation === undefined
      ? complete
        ? 'holds'
        : 'holds as far as seen'
      : `violated: ${violation.message}`;
  const { states, milliseconds } = exploration;
  process.stderr.write(`${name}: ${result} (${states} states, ${(milliseconds / 1000).toFixed(1)} s)\n`);
  return result;
}

const table = new Table({
  head: ['algorithm', 'parties', 'deaths', 'preemptions', 'states', 'longest', 'seconds', 'result'],
});
const wanted = options.mutants
  ? mutants().map(({ name, scenario }) => ({ name, scenario, preemptions: undefined }))
  : plan()
      .filter(({ quick }) => quick || !options.quick)
      .map(({ scenario, preemptions }) => ({ name: scenario.name, scenario, preemptions }));
for (const { name, scenario, preemptions } of wanted) {
  if (!name.includes(options.only)) continue;
  const bound = options.preemptions ?? preemptions;
  const exploration = explore(scenario, {
    states: options.states,
    milliseconds: options.minutes * 60_000,
    everyOrder: options.everyOrder,
    ...(bound === undefined ? {} : { preemptions: bound }),
  });
  const { states, deepest, milliseconds, complete, violation } = exploration;
  const isBad = options.mutants ? violation === undefined : violation !== undefined;
  if (isBad) process.exitCode = 1;
  const result = run(exploration, name);
  if (violation !== undefined && !options.mutants) process.stdout.write(`${violation.trace.join('\n')}\n`);
  table.push([
    name,
    scenario.parties,
    scenario.deaths ?? 0,
    bound ?? 'any',
    states.toLocaleString('en') + (complete || violation !== undefined ? '' : ' …'),
    deepest,
    (milliseconds / 1000).toFixed(1),
    isBad && options.mutants ? 'NOT CAUGHT' : result,
  ]);
}
process.stdout.write(`${table.toString()}\n`);
