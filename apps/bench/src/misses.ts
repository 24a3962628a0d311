import { cellFacts, type PlannedCell, type PlannedCrew } from './planned.ts';
import type { Failure, Skipped } from './result.ts';

/** What a run has gone without: what was left out, and what broke. */
export class Misses {
  readonly skipped: Skipped[] = [];
  readonly failures: Failure[] = [];

  leaveOut(subject: string, reason: string): void {
    this.skipped.push({ subject, reason });
  }

  fail(failure: Failure): void {
    this.failures.push(failure);
  }

  /** Why a crew could not be opened, or failed in a cell. */
  explain(crew: PlannedCrew, cell: PlannedCell | undefined, error: Error): void {
    const { code, message: reason } = error as Error & { code?: string };
    if (cell === undefined && isMissing(code)) {
      this.leaveOut(crew.subject.id, reason);
      return;
    }
    const placement = crew.cells[0]?.placement ?? 'same-core';
    this.fail({ subject: crew.subject.id, placement, ...(cell && cellFacts(cell)), reason });
  }
}

/** Not a failure: what was not installed, or what this machine does not offer. */
function isMissing(code: string | undefined): boolean {
  return code === 'ERR_IPC_UNSUPPORTED' || code === 'ERR_MODULE_NOT_FOUND';
}
