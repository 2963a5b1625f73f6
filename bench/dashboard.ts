/**
 * The dashboard's first view in a real Chromium, from the request of the page until its graph is painted, at 200 services
 * and 2,000 edges; and how large its JavaScript is. `node bench/dashboard.ts [services] [edges]`.
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { openPage, startBrowser } from '../test/e2e/dashboard/browser.ts';
import { serveFixture } from '../test/e2e/dashboard/fixture.ts';
import { buildDashboard } from '../tools/dashboard.ts';

const RUNS = 7;
const [services = '200', edges = '2000'] = process.argv.slice(2);

/** Resolves in the page once a frame with nodes was painted; gives ms since the navigation began. */
const PAINTED = `new Promise((resolve) => {
  const look = () => document.querySelector('[data-node]') === null
    ? requestAnimationFrame(look)
    : requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  look();
})`;

/** One first view, with nothing in the browser's cache. */
async function firstViewMs(browser: Browser, url: string): Promise<number> {
  const { page } = await openPage(browser);
  await page.goto(url, { waitUntil: 'commit' });
  const ms = await page.evaluate<number>(PAINTED);
  await page.context().close();
  return ms;
}

const assets = mkdtempSync(path.join(tmpdir(), 'tulle-dashboard-'));
await buildDashboard(assets);
const dashboard = await serveFixture(Number(services), Number(edges), assets);
const browser = await startBrowser();
try {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) times.push(await firstViewMs(browser, dashboard.url));
  const sorted = times.toSorted((a, b) => a - b);
  const at = (index: number): string => (sorted[index] ?? 0).toFixed(0);
  console.log(
    `first view at ${services} services and ${edges} edges: median ${at(RUNS >> 1)} ms, ${at(0)} to ${at(RUNS - 1)} ms of ${RUNS}`,
  );
  const bytes = globSync(path.join(assets, '*.js')).reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
  console.log(`JavaScript: ${(bytes / 1000).toFixed(0)} kB gzipped`);
} finally {
  await browser.close();
  await dashboard.close();
  rmSync(assets, { recursive: true });
}
