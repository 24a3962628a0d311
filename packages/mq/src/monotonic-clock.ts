const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds of CLOCK_MONOTONIC, the same in all processes. */
export function nowMs(): number {
  return offsetMs + performance.now();
}
