import { readFileSync } from 'node:fs';
import { resultSchema, type BenchReport } from './result.ts';
import { UsageError } from './usage-error.ts';

/**
 * Reads what a run has written.
 *
 * @throws {UsageError} There is no such file, it is no JSON, or of another schema; the message says which.
 */
export function readReport(file: string): BenchReport {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is none; a run writes one' : message;
    throw new UsageError(`${file} cannot be read: ${reason}`);
  }
  const { schema, results, environment } = (report ?? {}) as Partial<BenchReport>;
  if (schema !== resultSchema || !Array.isArray(results) || environment === undefined) {
    throw new UsageError(`${file} is no ${resultSchema} report; its schema is ${String(schema)}`);
  }
  return report as BenchReport;
}
