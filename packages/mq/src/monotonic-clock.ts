/** The global is looked up by a getter each time. */
const clock = performance;
const offsetMs = Number(process.hrtime.bigint()) / 1e6 - clock.now();

/** Milliseconds of CLOCK_MONOTONIC, the same in all processes. */
export function nowMs(): number {
  return offsetMs + clock.now();
}
