/** In which order the processes of one subject are warmed up and measured. */
import { expect, test } from 'vitest';
import { parseCli } from '../src/cli.ts';
import type * as source from '../src/run.ts';

/** As it is built: it starts its processes by file name. */
const { run } = (await import(new URL('../dist/run.js', import.meta.url).href)) as typeof source;

test('each scenario is measured with each of its sizes right after it got warm with that, and tells its figure so far', async () => {
  const options = ['--only', 'pipe.anonymous', '--in', 'throughput', 'round-trip', '--size', '64', '4k'];
  const invocation = parseCli([...options, '--repeats', '2', '--seconds', '12']);
  if (invocation.verb !== 'run') throw new Error('a run was asked for');
  const told: source.Progress[] = [];
  const report = await run(invocation, {
    onProgress: (progress) => told.push(progress),
    onMeasured: () => Promise.resolve(),
    signal: AbortSignal.timeout(60_000),
  });
  expect(report.environment.run.complete).toBe(true);
  const order = told.map(({ doing }) => doing);
  const warmings = order.filter((doing) => doing.startsWith('warming up'));
  expect(warmings.length).toBeGreaterThanOrEqual(2 * 2 * 2); // repeats, scenarios, sizes
  for (const [index, doing] of order.entries())
    if (doing.startsWith('warming up')) expect(`warming up ${order[index + 1] ?? ''}`).toBe(doing);
  const measured = order.find((doing) => /^pipe\.anonymous \S+ throughput 64 B$/.test(doing));
  const [first, second] = told.filter(({ doing }) => doing === measured);
  expect(first?.estimate).toBeUndefined();
  expect(second?.estimate).toEqual({ perSecond: expect.any(Number) as number });
});
