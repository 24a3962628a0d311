/* global document */
// What has a row per subject, all on one logarithmic scale: latency over time, and fractions of the floor.
import { formatNs, formatNumber, rowsOf } from './data.js';
import { isShown } from './filter.js';
import { colour } from './palette.js';

/** 0..1 between two values, evenly for equal ratios. */
function logScale(values) {
  const least = Math.log(Math.min(...values));
  const most = Math.log(Math.max(...values));
  return (value) => (most === least ? 0.5 : (Math.log(value) - least) / (most - least));
}

function addRow(element, name, figure) {
  const row = document.createElement('div');
  row.className = 'row';
  const [label, track, value] = ['span', 'span', 'span'].map((tag) => document.createElement(tag));
  label.textContent = name;
  value.textContent = figure;
  track.className = 'track';
  row.append(label, track, value);
  element.append(row);
  return track;
}

/** The worst of each part of a repeat, as a line of its own. */
export function drawTime(element, cell) {
  element.replaceChildren();
  const rows = rowsOf(cell).filter((row) => row.latencyDetail !== undefined && isShown(row));
  const scale = logScale(rows.flatMap(({ latencyDetail }) => latencyDetail.worstNs));
  for (const { subject, latencyDetail, latencyNs } of rows) {
    const { worstNs } = latencyDetail;
    const track = addRow(element, subject, `max ${formatNs(latencyNs.max)}`);
    const points = worstNs.map(
      (ns, part) => `${(100 * part) / Math.max(1, worstNs.length - 1)},${(30 * (1 - scale(ns))).toFixed(2)}`,
    );
    track.innerHTML = `<svg viewBox="0 -1 100 32" preserveAspectRatio="none"><polyline vector-effect="non-scaling-stroke" points="${points.join(' ')}"/></svg>`;
    track.firstChild.style.stroke = colour(subject);
  }
}

function scaledInterval({ interval, floorFraction, latencyNs, ...row }) {
  const central = row.messagesPerSecond ?? row.operationsPerSecond ?? latencyNs.p50;
  const factors = interval.map((edge) => (latencyNs === undefined ? edge / central : central / edge));
  return factors.map((factor) => factor * floorFraction).sort((a, b) => a - b);
}

/** Each subject as a fraction of the C floor, with its interval; a report without that has the one of its figures. */
export function drawForest(element, cell) {
  element.replaceChildren();
  const rows = rowsOf(cell)
    .filter((row) => row.floorFraction > 0 && isShown(row))
    .map((row) => ({ ...row, edges: row.floorFractionInterval ?? scaledInterval(row) }))
    .sort((a, b) => b.floorFraction - a.floorFraction);
  const scale = logScale([0.5, 2, ...rows.flatMap(({ edges }) => edges)]);
  const percent = (value) => `${100 * scale(value)}%`;
  for (const { subject, floorFraction, edges } of rows) {
    const track = addRow(element, subject, `${formatNumber(floorFraction)}×`);
    const mark = (className, style) => {
      const part = document.createElement('i');
      part.className = className;
      Object.assign(part.style, style);
      track.append(part);
    };
    mark('one', { left: percent(1) });
    mark('range', {
      left: percent(edges[0]),
      right: `calc(100% - ${percent(edges[1])})`,
      background: colour(subject),
    });
    mark('point', { left: percent(floorFraction), background: colour(subject) });
  }
}
