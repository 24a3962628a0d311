/* global document, getComputedStyle, matchMedia, Option, uPlot */
// Draws the charts of the report from the JSON in the page. Runs in a browser, without a network.
const { results } = JSON.parse(document.getElementById('report').textContent);
const dark = matchMedia('(prefers-color-scheme: dark)');
const formatSize = (bytes) =>
  bytes >= 1 << 20 ? `${bytes / (1 << 20)} MiB` : bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
const number = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const micro = (ns) => (ns == null ? '—' : `${number.format(ns / 1000)} µs`);
const unique = (values) => [...new Set(values)];
const subjects = unique(results.map(({ subject }) => subject));

/** One colour per subject, the same in every chart; golden-angle hues stay apart. */
function colour(subject) {
  const hue = Math.round((subjects.indexOf(subject) * 137.5) % 360);
  return `hsl(${hue} 65% ${dark.matches ? 65 : 40}%)`;
}

function plot(element, { x, series, xAxis, yAxis, xLog = 10 }) {
  element.replaceChildren();
  const ink = getComputedStyle(document.body).color;
  const line = getComputedStyle(document.documentElement).getPropertyValue('--line');
  const axis = (format, label) => ({
    label,
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line },
    size: 64,
    values: (_, splits) => splits.map((value) => (value == null ? '' : format(value))),
  });
  const options = {
    width: Math.min(element.clientWidth || 1000, 1100),
    height: 380,
    scales: { x: { time: false, distr: xLog === null ? 1 : 3, log: xLog ?? 10 }, y: { distr: 3 } },
    axes: [axis(xAxis.format, xAxis.label), axis(yAxis.format, yAxis.label)],
    series: [
      { label: xAxis.label, value: (_, value) => (value == null ? '—' : xAxis.format(value)) },
      ...series.map(({ label, stroke, points = { size: 5 }, width = 2 }) => ({
        label,
        stroke,
        width,
        spanGaps: true,
        points,
        value: (_, value) => (value == null ? '—' : yAxis.format(value)),
      })),
    ],
    bands: series.flatMap(({ band }) => (band === undefined ? [] : [band])),
  };
  new uPlot(options, [x, ...series.map(({ values }) => values)], element);
}

/** Throughput by size: a line with its interval as a band. */
function drawSizes(element, [scenario, placement]) {
  const rows = results.filter((row) => row.scenario === scenario && row.placement === placement);
  const x = unique(rows.map(({ messageBytes }) => messageBytes)).sort((a, b) => a - b);
  const series = unique(rows.map(({ subject }) => subject)).flatMap((subject, index) => {
    const at = (pick) =>
      x.map((bytes) => {
        const row = rows.find((one) => one.subject === subject && one.messageBytes === bytes);
        return row === undefined ? null : pick(row);
      });
    const first = 1 + index * 3;
    const edge = { stroke: 'transparent', points: { show: false }, width: 0 };
    return [
      { label: subject, stroke: colour(subject), values: at((row) => row.messagesPerSecond) },
      { label: 'edge', ...edge, values: at((row) => row.interval[1]) },
      {
        label: 'edge',
        ...edge,
        values: at((row) => row.interval[0]),
        band: { series: [first + 1, first + 2], fill: colour(subject).replace(')', ' / 0.15)') },
      },
    ];
  });
  plot(element, {
    x,
    series,
    xLog: 2,
    xAxis: { label: 'message', format: formatSize },
    yAxis: { label: 'messages per second', format: (value) => number.format(value) },
  });
  for (const row of element.querySelectorAll('.u-series')) {
    if (row.querySelector('.u-label')?.textContent.startsWith('edge')) row.style.display = 'none';
  }
}

/** Scaling: how many per second with 1, 2, … processes beside the leader. */
function drawScaling(element, [scenario]) {
  const rows = results.filter((row) => row.scenario === scenario);
  const x = unique(rows.map(({ followers = 1 }) => followers)).sort((a, b) => a - b);
  const series = unique(rows.map(({ subject }) => subject)).map((subject) => ({
    label: subject,
    stroke: colour(subject),
    values: x.map((count) => {
      const row = rows.find((one) => one.subject === subject && (one.followers ?? 1) === count);
      return row?.messagesPerSecond ?? row?.operationsPerSecond ?? null;
    }),
  }));
  plot(element, {
    x,
    series,
    xLog: null,
    xAxis: { label: 'processes beside the first', format: (value) => (Number.isInteger(value) ? value : '') },
    yAxis: { label: 'per second', format: (value) => number.format(value) },
  });
}

const latencyRows = (choice) =>
  results.filter(
    (row) =>
      row.latencyDetail !== undefined &&
      choice.join() === [row.scenario, row.messageBytes, row.placement].join(),
  );

/** Percentile spectrum: the rarer the event, the further to the right. */
function drawSpectrum(element, choice) {
  const rows = latencyRows(choice);
  const x = unique(
    rows.flatMap(({ latencyDetail }) => latencyDetail.spectrum.map(([p]) => 1 / (1 - p))),
  ).sort((a, b) => a - b);
  const series = rows.map(({ subject, latencyDetail }) => {
    const values = new Map(latencyDetail.spectrum.map(([p, ns]) => [1 / (1 - p), ns]));
    return { label: subject, stroke: colour(subject), values: x.map((at) => values.get(at) ?? null) };
  });
  plot(element, {
    x,
    series: series.map((one) => ({ ...one, points: { show: false } })),
    xAxis: { label: 'percentile', format: (at) => `${Number((100 - 100 / at).toPrecision(5))} %` },
    yAxis: { label: 'latency', format: micro },
  });
}

/** Latency over time: the worst of each part of a repeat. */
function drawTime(element, choice) {
  const rows = latencyRows(choice);
  const length = Math.max(0, ...rows.map(({ latencyDetail }) => latencyDetail.worstNs.length));
  plot(element, {
    x: Array.from({ length }, (_, index) => index + 1),
    series: rows.map(({ subject, latencyDetail }) => ({
      label: subject,
      stroke: colour(subject),
      points: { show: false },
      values: Array.from({ length }, (_, index) => latencyDetail.worstNs[index] ?? null),
    })),
    xLog: null,
    xAxis: { label: 'part of the last repeat', format: String },
    yAxis: { label: 'worst latency', format: micro },
  });
}

/** Forest plot: each subject as a fraction of the C floor, with its interval, on a logarithmic scale. */
function drawForest(element, choice) {
  element.replaceChildren();
  const rows = results
    .filter((row) => choice.join() === [row.scenario, row.messageBytes, row.placement].join())
    .filter(({ floorFraction }) => floorFraction > 0)
    .map((row) => {
      const central = row.messagesPerSecond ?? row.operationsPerSecond ?? row.latencyNs.p50;
      const scale = row.interval.map((edge) =>
        row.latencyNs === undefined ? edge / central : central / edge,
      );
      return { ...row, edges: scale.map((factor) => factor * row.floorFraction).sort((a, b) => a - b) };
    })
    .sort((a, b) => b.floorFraction - a.floorFraction);
  const least = Math.log(Math.min(0.5, ...rows.map(({ edges }) => edges[0])));
  const most = Math.log(Math.max(2, ...rows.map(({ edges }) => edges[1])));
  const position = (value) => `${(100 * (Math.log(value) - least)) / (most - least)}%`;
  for (const { subject, floorFraction, edges } of rows) {
    const bar = document.createElement('div');
    bar.className = 'bar';
    const [name, track, figure] = ['span', 'span', 'span'].map((tag) => document.createElement(tag));
    name.textContent = subject;
    figure.textContent = `${number.format(floorFraction)}×`;
    track.className = 'track';
    const range = document.createElement('i');
    range.className = 'range';
    Object.assign(range.style, {
      left: position(edges[0]),
      right: `calc(100% - ${position(edges[1])})`,
      background: colour(subject),
    });
    const point = document.createElement('b');
    point.className = 'point';
    Object.assign(point.style, { left: position(floorFraction), background: colour(subject) });
    track.append(range, point);
    bar.append(name, track, figure);
    element.append(bar);
  }
}

const describe = ([scenario, bytes, placement]) =>
  [scenario, ...(bytes === 0 ? [] : [formatSize(bytes)]), placement].join(', ');

/** A chart with a menu of what it can show; nothing where there is nothing. */
function chart(id, choices, name, draw) {
  const figure = document.getElementById(id);
  const distinct = [...new Map(choices.map((choice) => [choice.join(), choice])).values()];
  if (distinct.length === 0) {
    figure.remove();
    return;
  }
  const menu = document.createElement('select');
  menu.setAttribute('aria-label', 'what is shown');
  for (const choice of distinct) menu.append(new Option(name(choice)));
  const canvas = document.createElement('div');
  figure.append(menu, canvas);
  const redraw = () => draw(canvas, distinct[menu.selectedIndex]);
  menu.addEventListener('change', redraw);
  dark.addEventListener('change', redraw);
  redraw();
}

const scaling = results.filter(({ followers }) => followers !== undefined);
const rates = results.filter(
  ({ messagesPerSecond, followers }) => messagesPerSecond !== undefined && followers === undefined,
);
const latencies = results.filter(({ latencyDetail }) => latencyDetail !== undefined);
const cell = ({ scenario, messageBytes, placement }) => [scenario, messageBytes, placement];
chart(
  'sizes',
  rates.map(({ scenario, placement }) => [scenario, placement]),
  (choice) => choice.join(', '),
  drawSizes,
);
chart(
  'scaling',
  scaling.map(({ scenario }) => [scenario]),
  ([scenario]) => scenario,
  drawScaling,
);
chart('spectrum', latencies.map(cell), describe, drawSpectrum);
chart('time', latencies.map(cell), describe, drawTime);
chart('floor', results.filter(({ floorFraction }) => floorFraction > 0).map(cell), describe, drawForest);
document.documentElement.dataset.drawn = 'yes';
