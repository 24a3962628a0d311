import { readFileSync } from 'node:fs';
import { resultSchema, type BenchReport } from './result.ts';

/** A file that is no report, or none that this version reads. */
export class UnreadableReport extends Error {
  static {
    this.prototype.name = 'UnreadableReport';
  }
}

/**
 * Reads what a run has written.
 *
 * @throws {UnreadableReport} There is no such file, it is no JSON, or of another schema; the message says which.
 */
export function readReport(file: string): BenchReport {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UnreadableReport(`${file} cannot be read: ${(error as Error).message}`);
  }
  const { schema, results, environment } = (report ?? {}) as Partial<BenchReport>;
  if (schema !== resultSchema || !Array.isArray(results) || environment === undefined) {
    throw new UnreadableReport(`${file} is no ${resultSchema} report; its schema is ${String(schema)}`);
  }
  return report as BenchReport;
}
