/* global document */
// The results in the page, and how their figures are written.
export const { results } = JSON.parse(document.getElementById('report').textContent);

export const unique = (values) => [...new Set(values)];

export const subjects = unique(results.map(({ subject }) => subject));

/** What is compared with each other: one scenario, size and placement. */
export const cellOf = ({ scenario, messageBytes, placement }) => [scenario, messageBytes, placement];

export const rowsOf = (cell) => results.filter((row) => cellOf(row).join() === cell.join());

export const formatSize = (bytes) =>
  bytes >= 1 << 20 ? `${bytes / (1 << 20)} MiB` : bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
export const formatNumber = (value) => compact.format(value);

export const formatNs = (ns) => {
  if (ns < 1e3) return `${compact.format(ns)} ns`;
  if (ns < 1e6) return `${compact.format(ns / 1e3)} µs`;
  return ns < 1e9 ? `${compact.format(ns / 1e6)} ms` : `${compact.format(ns / 1e9)} s`;
};
