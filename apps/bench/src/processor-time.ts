import { SystemFiles } from './system-files.ts';

/** Processor time of the whole machine since it was started, in ticks. Source: proc_stat(5). */
export interface ProcessorTime {
  readonly total: number;
  /** Taken by other virtual machines while there was something to run. */
  readonly stolen: number;
}

export function processorTime(files: SystemFiles = new SystemFiles()): ProcessorTime | null {
  const line = /^cpu +(.*)$/m.exec(files.text('proc/stat') ?? '')?.[1];
  if (line === undefined) return null;
  const ticks = line.split(' ').map(Number).slice(0, 8); // what guests use is in the first two already
  return { total: ticks.reduce((sum, value) => sum + value, 0), stolen: ticks[7] ?? 0 };
}

/** What part of the time between two was stolen, 0..1; since the start of the machine without the first. */
export function stolenFraction(before: ProcessorTime | null, after: ProcessorTime | null): number | null {
  if (after === null) return null;
  const total = after.total - (before?.total ?? 0);
  return total <= 0 ? 0 : (after.stolen - (before?.stolen ?? 0)) / total;
}
