#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { randomOf } from './campaign.ts';
import { campaigns } from './campaigns.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1');
  return value;
}

interface Options {
  readonly rounds: number;
  readonly seed: number;
  readonly from?: number;
  readonly only?: string[];
}

const program = new Command('faults').description(
  'Kills, freezes and starves real processes, and counts what goes wrong.',
);
for (const campaign of campaigns) {
  const command = program
    .command(campaign.name)
    .description(campaign.what)
    .option('--rounds <count>', 'how often', number, campaign.rounds)
    .option('--seed <number>', 'decides the moments', number, 1)
    .action(async ({ rounds, seed, from, only }: Options) => {
      const startMs = performance.now();
      const { figure, violations } = await campaign.run({
        rounds,
        random: randomOf(seed),
        ...(from === undefined ? {} : { from }),
        ...(only === undefined ? {} : { only }),
        onProgress: (line) => process.stderr.write(`${line}\n`),
      });
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`;
      process.stdout.write(`${campaign.name}: ${verdict}; ${figure} (seed ${seed}, ${seconds} s)\n`);
      for (const violation of violations.slice(0, 20)) process.stdout.write(`  ${violation}\n`);
      if (violations.length > 0) process.exitCode = 1;
    });
  if (campaign.isResumable) command.option('--from <round>', 'with which to begin', number);
  if (campaign.parts !== undefined)
    command.addOption(new Option('--only <part...>', 'of what it goes through').choices(campaign.parts));
}
await program.parseAsync();
