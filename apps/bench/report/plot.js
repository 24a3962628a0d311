/* global document, devicePixelRatio, getComputedStyle, uPlot */
// A chart of lines over a logarithmic axis; the line under the pointer stands out.
import { colour, dashOf } from './palette.js';

/**
 * @param series - `{ subject, values, intervals }`: a value for each `x`, `null` where there is none, and
 *   optionally where it lies with some confidence.
 */
export function plot(element, { x, series, xAxis, yAxis, hasPoints = false }) {
  element.replaceChildren();
  const ink = getComputedStyle(document.body).color;
  const line = getComputedStyle(document.documentElement).getPropertyValue('--line');
  const axis = ({ format, label }, size) => ({
    label,
    size,
    labelSize: 22,
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line },
    values: (_, splits) => splits.map((value) => (value == null ? '' : format(value))),
  });
  const written = (format) => (_, value) => (value == null ? '—' : format(value));
  const options = {
    width: Math.min(element.clientWidth || 1000, 1100),
    height: 400,
    scales: { x: { time: false, distr: 3, log: xAxis.log ?? 10 }, y: { distr: 3 } },
    axes: [axis(xAxis, 34), axis(yAxis, 64)],
    series: [
      { label: xAxis.label, value: written(xAxis.format) },
      ...series.map(({ subject, width = 2 }) => ({
        label: subject,
        stroke: colour(subject),
        dash: dashOf(subject),
        width,
        spanGaps: true,
        points: hasPoints ? { size: 6, fill: colour(subject) } : { show: false },
        value: written(yAxis.format),
      })),
    ],
    cursor: { focus: { prox: 24 }, points: { size: 7 } },
    focus: { alpha: 0.15 },
    hooks: { draw: [(chart) => drawIntervals(chart, series)] },
  };
  new uPlot(options, [x, ...series.map(({ values }) => values)], element);
}

/** A bar from one end of an interval to the other. */
function drawIntervals(chart, series) {
  const { ctx, data } = chart;
  ctx.save();
  ctx.lineWidth = 3 * devicePixelRatio;
  for (const { subject, intervals = [] } of series) {
    ctx.strokeStyle = colour(subject, 0.35);
    for (const [index, interval] of intervals.entries()) {
      if (interval == null) continue;
      const left = chart.valToPos(data[0][index], 'x', true);
      ctx.beginPath();
      ctx.moveTo(left, chart.valToPos(interval[0], 'y', true));
      ctx.lineTo(left, chart.valToPos(interval[1], 'y', true));
      ctx.stroke();
    }
  }
  ctx.restore();
}
