import { formatMicroseconds, formatRate } from './render/figures.ts';
import type { Estimate } from './result-table.ts';
import type { Progress } from './run.ts';

/** Shows progress on stderr: one line that changes on a terminal, now and then a line elsewhere. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #tenth = -1;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show({ fraction, remainingMs, doing, estimate }: Progress): void {
    const left = remainingMs === undefined ? '' : `  ${formatDuration(remainingMs)} left`;
    const percent = `${`${Math.floor(fraction * 100)}%`.padStart(4)}${left}`;
    if (this.#stream.isTTY) {
      const width = Math.max(20, this.#stream.columns - 1);
      this.#stream.write(`\r\u001b[K${`${percent}  ${doing}${soFar(estimate)}`.slice(0, width)}`);
      return;
    }
    const tenth = Math.floor(fraction * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    this.#stream.write(`${percent}  ${doing}\n`);
  }

  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K');
  }
}

/** `, 9.45 M/s so far`; nothing where nothing is known. */
function soFar(estimate: Estimate | undefined): string {
  if (estimate === undefined) return '';
  return 'perSecond' in estimate
    ? `, ${formatRate(estimate.perSecond)}/s so far`
    : `, ${formatMicroseconds(estimate.latencyNs)} µs so far`;
}

/** `1:05`, minutes and seconds. */
function formatDuration(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
