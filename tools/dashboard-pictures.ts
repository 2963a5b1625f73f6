/**
 * Takes the pictures of docs/dashboard.md: `node tools/dashboard-pictures.ts` starts the example shop (its gateway takes
 * port 8080), sends it requests, and looks at its dashboard in a Chromium. The picture of a large mesh is of a fixture.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { startBrowser } from '../test/e2e/dashboard/browser.ts';
import { serveFixture } from '../test/e2e/dashboard/fixture.ts';
import { ask } from '../src/cli/demo/client.ts';
import { buildDashboard } from './dashboard.ts';
import { indexedPng } from './indexed-png.ts';
import { root } from './run.ts';

interface Picture {
  readonly name: string;
  readonly call: string;
  /** What is there once the page tells something. */
  readonly shows: string;
  readonly isDark?: boolean;
  readonly height?: number;
}

const FOLDER = path.join(root, 'docs/images');
const VIEWPORT = { width: 1240, height: 720 };
/** Charts want some past. */
const TRAFFIC_MS = 60_000;
const PAUSE_MS = 25;

const SHOP: readonly Picture[] = [
  { name: 'dashboard-graph', call: '/', shows: '[data-edge][data-health="bad"]' },
  { name: 'dashboard-edge-dark', call: '/?select=shop%2Ffrontend%3Eshop%2Fcatalog', shows: '.panel canvas', isDark: true },
  { name: 'dashboard-service', call: '/services/shop/reviews', shows: 'table[aria-label="Routes"]', height: 980 },
  { name: 'dashboard-tap', call: '/tap', shows: 'tr.flow:nth-child(12)' },
  { name: 'dashboard-denials', call: '/denials?source=security.yaml:14', shows: '.drawer .is-marked' },
  { name: 'dashboard-explain', call: '/explain?from=shop%2Ffrontend&to=http%3A%2F%2Freviews%3A9081%2F', shows: '.verdict', isDark: true },
];
const LARGE: readonly Picture[] = [{ name: 'dashboard-200-services', call: '/', shows: '[data-node]' }];

/** What a browser runs to decode a picture: its pixels in base64. */
function pixelsOf(png: Buffer): string {
  return `(async () => {
    const image = await createImageBitmap(await (await fetch('data:image/png;base64,${png.toString('base64')}')).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    return new Uint8Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer).toBase64();
  })()`;
}

async function take(
  browser: Browser,
  url: string,
  { name, call, shows, isDark = false, height = VIEWPORT.height }: Picture,
): Promise<void> {
  const context = await browser.newContext({
    viewport: { ...VIEWPORT, height },
    colorScheme: isDark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(new URL(call, url).href);
  await page.locator(shows).first().waitFor();
  // charts and tables that come after it
  await sleep(2_500);
  const shot = await page.screenshot();
  await context.close();
  const blank = await browser.newPage();
  const pixels = await blank.evaluate<string>(pixelsOf(shot));
  await blank.close();
  writeFileSync(path.join(FOLDER, `${name}.png`), indexedPng(Buffer.from(pixels, 'base64'), VIEWPORT.width, height));
  console.log(name);
}

/** Requests of every kind that the shop knows, for a while. */
async function shopping(durationMs: number): Promise<void> {
  const until = performance.now() + durationMs;
  for (let index = 0; performance.now() < until; index += 1) {
    const headers: Record<string, string> = index % 7 === 0 ? { 'x-canary': 'true' } : {};
    await ask({ port: 8080 }, index % 23 === 0 ? '/ledger/1' : `/products/${index % 30}`, { headers }).catch(() => undefined);
    await sleep(PAUSE_MS);
  }
}

function startShop(work: string): ChildProcess {
  cpSync(path.join(root, 'examples/shop'), work, { recursive: true });
  writeFileSync(path.join(work, 'package.json'), '{ "type": "module" }\n');
  const args = ['up', path.join(work, 'mesh'), '--state-dir', path.join(work, 'state'), '--mode', 'explicit'];
  return spawn(process.execPath, [path.join(root, 'bin/tulle.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function dashboardOf(work: string): Promise<string> {
  for (;;) {
    const answer = await ask({ socketPath: path.join(work, 'state/admin.sock') }, '/api/dashboard').catch(() => undefined);
    const page = await ask({ port: 8080 }, '/products/1').catch(() => undefined);
    const found: { dashboard?: { url: string } } = JSON.parse(answer?.text ?? '{}');
    if (found.dashboard !== undefined && page?.status === 200) return found.dashboard.url;
    await sleep(200);
  }
}

mkdirSync(FOLDER, { recursive: true });
await buildDashboard(path.join(root, 'dist/dashboard'));
const work = mkdtempSync(path.join(tmpdir(), 'tulle-pictures-'));
const up = startShop(work);
const browser = await startBrowser();
try {
  const large = await serveFixture(200, 2000);
  for (const picture of LARGE) await take(browser, large.url, picture);
  await large.close();
  const url = await dashboardOf(work);
  const shops = shopping(TRAFFIC_MS + SHOP.length * 8_000);
  await sleep(TRAFFIC_MS);
  for (const picture of SHOP) await take(browser, url, picture);
  await shops;
} finally {
  await browser.close();
  up.kill('SIGINT');
  await new Promise((resolve) => up.once('exit', resolve));
  rmSync(work, { recursive: true, force: true });
}
