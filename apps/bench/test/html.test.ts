/** The page in a real browser; where there is none, only as text. */
import { mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type BrowserContextOptions, type Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { observeEnvironment } from '../src/environment.ts';
import { summarise } from '../src/latency.ts';
import { renderCsv } from '../src/render/csv.ts';
import { renderHtml } from '../src/render/html.ts';
import { resultSchema, type BenchReport, type Result } from '../src/result.ts';

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);

const samples = Float64Array.from({ length: 2000 }, (_, index) => 1000 + ((index * 7919) % 2000) * 10);
const { latency, detail } = summarise([samples]);
const cell = { placement: 'cross-core', repeats: 3 } as const;
const throughputs = ['shm.ring', 'socket.unix'].flatMap((subject, which) =>
  [64, 1024, 65_536].map((messageBytes): Result => {
    const rate = 1e7 / (which + 1) / messageBytes;
    return {
      ...{ ...cell, subject, scenario: 'throughput', messageBytes, messagesPerSecond: rate },
      ...{ floorFraction: 0.5 + which, perRepeat: [rate], interval: [rate * 0.9, rate * 1.1] },
    };
  }),
);
const scaling = [1, 2, 4].map((followers): Result => {
  const rate = 1e6 / followers;
  return {
    ...{ repeats: 3, subject: 'shm.queue', scenario: 'fan-in', messageBytes: 64, placement: 'unpinned' },
    ...{ followers, messagesPerSecond: rate, perRepeat: [rate], interval: [rate * 0.9, rate * 1.1] },
  };
});
const report: BenchReport = {
  schema: resultSchema,
  environment: {
    ...observeEnvironment(),
    run: {
      ...{ startedAt: '2026-01-01T00:00:00.000Z', durationMs: 1000, complete: true, repeats: 3 },
      ...{
        placements: { 'cross-core': [0, 1], unpinned: null },
        pinnedBy: 'sched_setaffinity',
        failures: [],
        coreToCoreNs: null,
      },
      skipped: [{ subject: 'own.evil', reason: '</script><script>document.title = "broken"</script>' }],
    },
  },
  results: [
    ...throughputs,
    ...scaling,
    {
      ...{ ...cell, subject: 'shm.ring', scenario: 'round-trip', messageBytes: 64, samples: 2000 },
      ...{ latencyNs: latency, latencyDetail: detail, perRepeat: [latency.p50], interval: [900, 1100] },
    },
  ],
};

/** How one opens the page, drawn. */
type OpenPage = (options: BrowserContextOptions, watch?: (tab: Page) => void) => Promise<Page>;

/** A browser that looks at the page, which it has as a file. */
async function withBrowser(look: (open: OpenPage, address: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-html-'));
  const page = join(directory, 'report.html');
  writeFileSync(page, renderHtml(report));
  const browser = await chromium.launch({ executablePath: browserPath ?? '', args: ['--no-sandbox'] });
  try {
    const address = pathToFileURL(page).href;
    await look(async (options, watch) => {
      const tab = await browser.newPage(options);
      watch?.(tab);
      await tab.goto(address);
      await tab.waitForSelector('html[data-drawn=yes]');
      return tab;
    }, address);
  } finally {
    await browser.close();
    rmSync(directory, { recursive: true });
  }
}

describe('a browser', () => {
  beforeEach((context) => {
    context.skip(browserPath === undefined, 'no Chromium or Chrome is installed');
  });

  test('draws all five charts, light and dark, without a network', () =>
    withBrowser(async (open, address) => {
      const backgrounds = new Set<string>();
      for (const colorScheme of ['light', 'dark'] as const) {
        const errors: string[] = [];
        const requests: string[] = [];
        const tab = await open({ colorScheme }, (opened) => {
          opened.on('pageerror', ({ message }) => errors.push(message));
          opened.on('request', (request) => requests.push(request.url()));
        });
        expect(errors).toEqual([]);
        expect(requests).toEqual([address]);
        expect(await tab.title()).toBe('IPC bench');
        for (const chart of ['sizes', 'scaling', 'spectrum']) {
          const canvas = tab.locator(`#${chart} canvas`);
          expect(await canvas.count(), chart).toBe(1);
          expect((await canvas.boundingBox())?.height, chart).toBeGreaterThan(100);
        }
        expect(await tab.locator('#time polyline').count()).toBe(1);
        expect(await tab.locator('#floor .row').count()).toBe(2);
        // A choice redraws.
        await tab.locator('#floor select').selectOption({ index: 1 });
        expect(await tab.locator('#floor .row').count()).toBe(2);
        // Who is switched off is in no chart and no table, and comes back.
        const rows = tab.locator('details tr:visible', { hasText: 'socket.unix' });
        const lines = tab.locator('#sizes .u-series', { hasText: 'socket.unix' });
        expect([await rows.count(), await lines.count()]).toEqual([3, 1]);
        await tab.locator('#filter .chip', { hasText: 'unix' }).click();
        expect(await tab.locator('#floor .row').count()).toBe(1);
        expect([await rows.count(), await lines.count()]).toEqual([0, 0]);
        await tab.locator('#filter button', { hasText: 'none' }).click();
        expect(await tab.locator('#floor .row').count()).toBe(0);
        await tab.locator('#filter button', { hasText: 'all' }).click();
        expect([await rows.count(), await lines.count()]).toEqual([3, 1]);
        expect(errors).toEqual([]);
        backgrounds.add(await tab.evaluate('getComputedStyle(document.body).backgroundColor'));
        await tab.close();
      }
      expect(backgrounds.size).toBe(2);
    }));

  test('of a telephone cuts nothing off, and rows keep their plots', () =>
    withBrowser(async (open) => {
      const tab = await open({ viewport: { width: 400, height: 800 } });
      expect(await tab.evaluate('document.documentElement.scrollWidth')).toBe(400);
      for (const track of await tab.locator('.row .track').all())
        expect((await track.boundingBox())?.width).toBeGreaterThan(300);
      const cutNames = `[...document.querySelectorAll('.u-legend th')].filter((name) => name.scrollWidth > name.clientWidth)`;
      expect(await tab.evaluate(`${cutNames}.map((name) => name.textContent)`)).toEqual([]);
    }));
});

test('the page holds everything, and nothing of it is taken for markup', () => {
  const page = renderHtml(report);
  expect(page).not.toMatch(/<(script|link)[^>]+(src|href)=/);
  expect(page).not.toContain('<script>document.title');
  expect(page).toContain('<td>shm.ring</td>');
});

test('CSV has a line per result and as many fields in each', () => {
  const lines = renderCsv(report).trim().split('\r\n');
  expect(lines).toHaveLength(1 + report.results.length);
  expect(new Set(lines.map((line) => line.split(',').length)).size).toBe(1);
  expect(lines.at(-1)).toContain(`shm.ring,round-trip,64,cross-core,,,,${latency.p50}`);
});
