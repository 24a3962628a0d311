// What is drawn as lines: by size, by number of processes, by percentile.
import { formatNs, formatNumber, formatSize, results, rowsOf, unique } from './data.js';
import { isShown } from './filter.js';
import { plot } from './plot.js';

const rateOf = (row) => row?.messagesPerSecond ?? row?.operationsPerSecond ?? null;
const ascending = (values) => unique(values).sort((a, b) => a - b);

/** A line per subject over one of the facts of its results. */
function series(rows, x, fact) {
  return unique(rows.map(({ subject }) => subject)).map((subject) => {
    const own = x.map((at) => rows.find((row) => row.subject === subject && fact(row) === at));
    return { subject, values: own.map(rateOf), intervals: own.map((row) => row?.interval) };
  });
}

/** Throughput by size. */
export function drawSizes(element, [scenario, placement]) {
  const rows = results.filter(
    (row) => row.scenario === scenario && row.placement === placement && isShown(row),
  );
  const x = ascending(rows.map(({ messageBytes }) => messageBytes));
  plot(element, {
    x,
    series: series(rows, x, ({ messageBytes }) => messageBytes),
    hasPoints: true,
    xAxis: { label: 'message', format: formatSize, log: 2 },
    yAxis: { label: 'messages per second', format: formatNumber },
  });
}

/** Scaling: how many per second with 1, 2, … processes beside the leader. */
export function drawScaling(element, [scenario]) {
  const rows = results.filter((row) => row.scenario === scenario && isShown(row));
  const x = ascending(rows.map(({ followers = 1 }) => followers));
  plot(element, {
    x,
    series: series(rows, x, ({ followers = 1 }) => followers),
    hasPoints: true,
    xAxis: { label: 'processes beside the first', format: String, log: 2 },
    yAxis: { label: 'per second', format: formatNumber },
  });
}

/** Percentile spectrum: the rarer the event, the further to the right. */
export function drawSpectrum(element, cell) {
  const rows = rowsOf(cell).filter((row) => row.latencyDetail !== undefined && isShown(row));
  const rarity = ([fraction]) => 1 / (1 - fraction);
  const x = ascending(rows.flatMap(({ latencyDetail }) => latencyDetail.spectrum.map(rarity)));
  plot(element, {
    x,
    series: rows.map(({ subject, latencyDetail }) => {
      const values = new Map(latencyDetail.spectrum.map((point) => [rarity(point), point[1]]));
      return { subject, values: x.map((at) => values.get(at) ?? null) };
    }),
    xAxis: { label: 'percentile', format: (at) => `${Number((100 - 100 / at).toPrecision(5))} %` },
    yAxis: { label: 'latency', format: formatNs },
  });
}
