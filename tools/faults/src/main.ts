#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { randomOf } from './campaign.ts';
import { campaigns } from './campaigns.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1');
  return value;
}

const program = new Command('faults').description(
  'Kills, freezes and starves real processes, and counts what goes wrong.',
);
for (const campaign of campaigns) {
  program
    .command(campaign.name)
    .description(campaign.what)
    .option('--rounds <count>', 'how often', number, campaign.rounds)
    .option('--seed <number>', 'decides the moments', number, 1)
    .action(async ({ rounds, seed }: { rounds: number; seed: number }) => {
      const startMs = performance.now();
      const { figure, violations } = await campaign.run({ rounds, random: randomOf(seed) });
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`;
      process.stdout.write(`${campaign.name}: ${verdict}; ${figure} (seed ${seed}, ${seconds} s)\n`);
      for (const violation of violations.slice(0, 20)) process.stdout.write(`  ${violation}\n`);
      if (violations.length > 0) process.exitCode = 1;
    });
}
await program.parseAsync();
