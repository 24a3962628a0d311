/* global document, Option */
// Draws the charts of the report from the JSON in the page. Runs in a browser, without a network.
import { cellOf, formatSize, results } from './data.js';
import { fillFilter, onView } from './filter.js';
import { drawScaling, drawSizes, drawSpectrum } from './lines.js';
import { drawForest, drawTime } from './rows.js';

const describe = ([scenario, bytes, placement]) =>
  [scenario, ...(bytes === 0 ? [] : [formatSize(bytes)]), placement].join(', ');

/** A chart with a menu of what it can show; nothing where there is nothing. */
function chart(id, choices, name, draw) {
  const figure = document.getElementById(id);
  const distinct = [...new Map(choices.map((choice) => [choice.join(), choice])).values()];
  if (distinct.length === 0) {
    figure.remove();
    document.querySelector(`nav a[href="#${id}"]`).remove();
    return;
  }
  const menu = document.createElement('select');
  menu.setAttribute('aria-label', 'what is shown');
  for (const choice of distinct) menu.append(new Option(name(choice)));
  const canvas = document.createElement('div');
  figure.append(menu, canvas);
  const redraw = () => draw(canvas, distinct[menu.selectedIndex]);
  menu.addEventListener('change', redraw);
  onView(redraw);
}

const rates = results.filter(
  ({ messagesPerSecond, followers }) => messagesPerSecond !== undefined && followers === undefined,
);
const scaling = results.filter(({ followers }) => followers !== undefined);
const latencies = results.filter(({ latencyDetail }) => latencyDetail !== undefined);
const floored = results.filter(({ floorFraction }) => floorFraction > 0);

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
chart('spectrum', latencies.map(cellOf), describe, drawSpectrum);
chart('time', latencies.map(cellOf), describe, drawTime);
chart('floor', floored.map(cellOf), describe, drawForest);
fillFilter(document.getElementById('filter'));
document.documentElement.dataset.drawn = 'yes';
