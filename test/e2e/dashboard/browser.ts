/** A Chromium for tests: where Debian puts it, or what TULLE_CHROMIUM names. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PLACES = [process.env['TULLE_CHROMIUM'] ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const found = PLACES.find((place) => place !== '' && existsSync(place));

/** Why tests with a browser are left out; false where they run. */
export const chromiumMissing = found === undefined ? 'there is no Chromium; node tools/install-peers.ts installs it' : false;

/** Starts it without a window. */
export function startBrowser(): Promise<Browser> {
  // as root it cannot confine itself; what it loads is our own page
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ args, ...(found === undefined ? {} : { executablePath: found }) });
}

export interface Seen {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, and what the policy of content blocked. */
  readonly troubles: readonly string[];
  /** URLs that were asked for. */
  readonly requests: readonly string[];
}

/** A page that notes what goes wrong on it, and what it asks for. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Seen> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  // machines that run tests are busy
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const troubles: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  return { page, troubles, requests };
}
