/**
 * One clock for all processes of the machine: CLOCK_MONOTONIC in nanoseconds.
 *
 * `performance.now` reads it without allocating, but counts from the start of its own thread, so the distance
 * is measured once. Times of two processes may be compared to within a microsecond or two.
 */
const originNs = measureOrigin();

/** Whoever is preempted between two readings is wrong by milliseconds: the closest of many counts. */
function measureOrigin(): number {
  let leastNs = Infinity;
  let origin = 0;
  for (let attempt = 0; attempt < 1000; attempt++) {
    const before = Number(process.hrtime.bigint());
    const elapsedNs = performance.now() * 1e6;
    const gapNs = Number(process.hrtime.bigint()) - before;
    if (gapNs >= leastNs) continue;
    leastNs = gapNs;
    origin = before + gapNs / 2 - elapsedNs;
  }
  return origin;
}

/** Nanoseconds of CLOCK_MONOTONIC. */
export function nowNs(): number {
  return originNs + performance.now() * 1e6;
}

/** What reading the clock once costs, in nanoseconds: the least of a few means, as other work can only add to it. */
export function clockOverheadNs(): number {
  const readings = 10_000;
  let least = Infinity;
  for (let attempt = 0; attempt < 5; attempt++) {
    const start = nowNs();
    for (let i = 0; i < readings; i++) nowNs();
    least = Math.min(least, (nowNs() - start) / readings);
  }
  return least;
}
