import type { Progress } from './run.ts';

/** Shows progress on stderr: one line that changes on a terminal, now and then a line elsewhere. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #tenth = -1;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show({ fraction, remainingMs, doing }: Progress): void {
    const left = remainingMs === undefined ? '' : `  ${formatDuration(remainingMs)} left`;
    const percent = `${`${Math.floor(fraction * 100)}%`.padStart(4)}${left}`;
    if (this.#stream.isTTY) {
      const width = Math.max(20, this.#stream.columns - 1);
      this.#stream.write(`\r\u001b[K${`${percent}  ${doing}`.slice(0, width)}`);
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

/** `1:05`, minutes and seconds. */
function formatDuration(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
