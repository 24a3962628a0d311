/** Figures as people read them: three digits that count, and a dash where there is none. */

export const none = '—';

/** 1234567 is `1.23 M`. */
export function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return none;
  if (perSecond >= 999_500) return `${threeDigits(perSecond / 1e6)} M`;
  if (perSecond >= 999.5) return `${threeDigits(perSecond / 1e3)} k`;
  return threeDigits(perSecond);
}

/** Megabytes (10^6) per second. */
export function formatMegabytes(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? none : threeDigits(bytesPerSecond / 1e6);
}

/** Bytes of memory, in MiB. */
export function formatMebibytes(bytes: number | undefined): string {
  return bytes === undefined ? none : (bytes / 2 ** 20).toFixed(0);
}

/** Nanoseconds, printed in microseconds. */
export function formatMicroseconds(nanoseconds: number | null | undefined): string {
  return nanoseconds === undefined || nanoseconds === null ? none : threeDigits(nanoseconds / 1e3);
}

/** A fraction of the floor: `0.42×`. */
export function formatFraction(fraction: number | undefined): string {
  return fraction === undefined ? none : `${threeDigits(fraction)}×`;
}

/** Processor seconds. */
export function formatSeconds(seconds: number | undefined): string {
  return seconds === undefined ? none : threeDigits(seconds);
}

/** `14.8 s`, or `18 min 5 s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 119_950) return `${(durationMs / 1e3).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1e3);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

const bars = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** A histogram in one line; heights are logarithmic, so that a single straggler shows. */
export function formatShape(counts: readonly number[] | undefined): string {
  if (counts === undefined) return none;
  const top = Math.log1p(Math.max(...counts));
  return counts.map((count) => bars[Math.ceil((8 * Math.log1p(count)) / top)] ?? ' ').join('');
}

const barWidth = 16;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A part of a whole as a bar; filled up with spaces, so that bars begin below each other. */
export function formatBar(part: number): string {
  const length = Math.round(part * barWidth * 8);
  return `${'█'.repeat(length >> 3)}${eighths[length % 8] ?? ''}`.padEnd(barWidth);
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  if (value >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}
