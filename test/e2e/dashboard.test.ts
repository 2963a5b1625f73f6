/** The dashboard in a real Chromium: on a mesh with traffic, and with 200 services and 2,000 edges. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { buildDashboard } from '../../tools/dashboard.ts';
import { chromiumMissing, openPage, type Seen, startBrowser } from './dashboard/browser.ts';
import { serveFixture } from './dashboard/fixture.ts';
import { root, TestMesh } from './harness.ts';
import { denyAll, member, service } from './mesh-documents.ts';
import { fetchThrough } from './through-proxy.ts';

const skip = chromiumMissing;
const ASSETS = path.join(root, 'dist/dashboard');
const JS_GZIP_BYTES_MAX = 500_000;
const ANSWER_MS = 1_000;

/** Of a version where its name ends in one, and of the first else. */
const versioned = (name: string, spec: string): string => {
  const [, app = name, version = 'v1'] = /^(.+)-(v\d)$/.exec(name) ?? [];
  return member(name, spec, { app, labels: `, version: ${version}` });
};

const server = (name: string): string =>
  versioned(
    name,
    `ports: [{ name: http, port: 8080, protocol: http }], command: [node, ../echo.mjs], env: { NAME: ${name}, API_KEY: hush }, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }`,
  );

const MESH = `
${versioned('client', 'command: [sleep, "100000"]')}
${['cart-v1', 'cart-v2', 'shaky', 'vault'].map(server).join('')}
${['cart', 'shaky', 'vault'].map((name) => service(name)).join('')}
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: cart, namespace: shop }
spec: { host: cart, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: cart, namespace: shop }
spec:
  hosts: [cart]
  http:
    - name: canary
      route: [{ destination: { host: cart, subset: v1 }, weight: 80 }, { destination: { host: cart, subset: v2 }, weight: 20 }]
---
${denyAll('vault')}`;

let mesh: TestMesh;
let browser: Browser;
let url = '';
/** What is asked again and again while the tests run. */
const asked = new Set(['http://cart:8080/', 'http://shaky:8080/', 'http://vault:8080/']);
const stopping = new AbortController();
let load: Promise<void>;

/** A request that nobody answers keeps no other waiting. */
async function keepAsking(): Promise<void> {
  while (!stopping.signal.aborted) {
    for (const each of asked) await Promise.race([fetchThrough(mesh, 'client', each, {}).catch(() => undefined), sleep(ANSWER_MS)]);
    await sleep(60);
  }
}

before(async () => {
  if (skip !== false) return;
  await buildDashboard(ASSETS);
  mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': MESH } });
  // a browser that runs is closed, whatever becomes of the mesh
  browser = await startBrowser();
  await mesh.ready('cart-v1', 'cart-v2', 'shaky', 'vault');
  load = keepAsking();
  url = (await mesh.admin<{ dashboard: { url: string } }>('/api/dashboard')).dashboard.url;
});

after(async () => {
  stopping.abort();
  await load;
  await Promise.all([browser?.close(), mesh?.stop()]);
});

const edge = (page: Page, id: string, health: string) => page.locator(`[data-edge="${id}"][data-health="${health}"]`);

/** Runs `look` on a page of the mesh; nothing may go wrong on it, and nothing be asked for elsewhere. */
async function visit(call: string, look: (seen: Seen) => Promise<void>, options: Parameters<typeof openPage>[1] = {}): Promise<void> {
  const seen = await openPage(browser, options);
  try {
    const response = await seen.page.goto(new URL(call, url).href);
    assert.match(response?.headers()['content-security-policy'] ?? '', /default-src 'self'/);
    await look(seen);
    assert.deepEqual(seen.troubles, []);
    assert.deepEqual(
      seen.requests.filter((each) => !each.startsWith(url)),
      [],
    );
  } finally {
    await seen.page.context().close();
  }
}

/** A page that stays open while other tests run. */
let graph: Seen;

test('the graph appears with its edges', { skip }, async () => {
  graph = await openPage(browser);
  const { page } = graph;
  await page.goto(new URL('/?window=30s', url).href);
  await edge(page, 'shop/client>shop/cart', 'ok').waitFor();
  await edge(page, 'shop/client>shop/shaky', 'ok').waitFor();
  assert.match((await page.locator('[data-node="shop/cart"]').textContent()) ?? '', /v1.*80%.*v2.*20%/);
  // all of it is over mTLS
  assert.equal(await page.locator('[data-edge="shop/client>shop/cart"] .edge-lock:not(.is-open)').count(), 1);
  asked.add('http://shaky:8080/fail');
});

test('a link holds the state: what is selected, focused and filtered', { skip }, async () => {
  await visit('/?window=30s&focus=shop%2Fshaky&select=shop%2Fclient%3Eshop%2Fshaky&label=latency', async ({ page }) => {
    await page.getByRole('complementary', { name: 'About shop/client → shop/shaky' }).waitFor();
    assert.deepEqual(await page.locator('[data-node]').evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-node'))), [
      'shop/client',
      'shop/shaky',
    ]);
    const latency = page.getByRole('radio', { name: 'latency' });
    assert.equal(await latency.getAttribute('aria-checked'), 'true');
    // one stop for Tab, and arrows between
    await latency.press('ArrowRight');
    const none = page.getByRole('radio', { name: 'none' });
    assert.deepEqual([await none.getAttribute('aria-checked'), new URL(page.url()).searchParams.get('label')], ['true', 'none']);
    assert.equal(await page.locator(':focus').textContent(), 'none');
    await none.press('ArrowLeft');
    await page.getByText('spiffe://cluster.local/ns/shop/sa/client').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(new URL(page.url()).searchParams.get('select'), null);
    await page.goBack();
    assert.equal(new URL(page.url()).searchParams.get('select'), 'shop/client>shop/shaky');
  });
});

test('tap streams requests, and those alone that are asked for', { skip }, async () => {
  await visit('/tap?status=5xx', async ({ page }) => {
    await page.locator('tr.flow').first().waitFor();
    const outcomes = await page.locator('tr.flow td:nth-child(5)').allTextContents();
    assert.ok(
      outcomes.every((text) => text.startsWith('500')),
      outcomes.join(),
    );
    await page
      .getByRole('textbox', { name: 'status' })
      .or(page.getByRole('searchbox', { name: 'status' }))
      .fill('');
    await page.locator('tr.flow', { hasText: 'cart:8080/' }).first().waitFor();
  });
});

test('denials name the policy, and where it was written', { skip }, async () => {
  await visit('/denials', async ({ page }) => {
    const table = page.getByRole('table', { name: 'Denials by policy and caller' });
    await table.getByText('AuthorizationPolicy shop/nobody-may').waitFor();
    await table
      .getByRole('link', { name: /mesh\.yaml:\d+/ })
      .first()
      .click();
    const drawer = page.getByRole('complementary', { name: 'Source mesh.yaml' });
    await drawer.getByText('name: nobody-may').waitFor();
    assert.equal(await drawer.locator('.is-marked').count(), 1);
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    assert.match((await page.locator(':focus').textContent()) ?? '', /mesh\.yaml/);
    await page.keyboard.press('Enter');
    await drawer.waitFor();
    assert.match(page.url(), /source=mesh\.yaml/);
  });
});

test('the explain form answers as the command does, and its link again', { skip }, async () => {
  let link = '';
  await visit('/explain', async ({ page }) => {
    await page.getByLabel('From').fill('shop/client');
    await page.getByLabel('To', { exact: true }).fill('http://vault:8080/');
    await page.getByRole('button', { name: 'Explain' }).click();
    const verdict = page.locator('.verdict');
    await verdict.waitFor();
    assert.equal(await verdict.getAttribute('data-outcome'), 'answered');
    assert.match((await verdict.textContent()) ?? '', /403/);
    link = page.url();
  });
  await visit(link, async ({ page }) => {
    await page.locator('.verdict').waitFor();
    assert.equal(await page.getByLabel('From').inputValue(), 'shop/client');
  });
});

test('pages of services, workloads and the control plane tell what they should', { skip }, async () => {
  await visit('/services/shop/cart?window=30s', async ({ page }) => {
    await page.getByRole('table', { name: 'Routes' }).getByText('canary').waitFor();
    await page.getByRole('img', { name: /^Requests, newest: requests [\d.]+\/s/ }).waitFor();
    await page.getByRole('table', { name: 'Called by' }).getByText('shop/client').waitFor();
  });
  await visit('/workloads/shop/vault', async ({ page }) => {
    await page.getByText('spiffe://cluster.local/ns/shop/sa/vault').first().waitFor();
    await page.getByText(/expires in \d+ h/).waitFor();
    await page.getByRole('table', { name: 'Proxies' }).getByText('synced').first().waitFor();
    await page.getByRole('table', { name: 'Policies' }).getByText('shop/nobody-may').waitFor();
  });
  await visit('/control', async ({ page }) => {
    await page.getByText('all in sync').waitFor();
    await page.getByRole('table', { name: 'Versions' }).waitFor();
  });
  await visit('/services/%zz', async ({ page }) => {
    await page.getByRole('heading', { level: 1, name: 'Services' }).waitFor();
  });
  await visit('/analysis', async ({ page }) => {
    await page.getByText(/^\d+ errors?, \d+ warnings?, \d+ info$/).waitFor();
  });
});

test('what policies refuse is worth a look, and nothing broken', { skip }, async () => {
  await visit('/services?window=30s', async ({ page }) => {
    const row = page.getByRole('table', { name: 'Services' }).getByRole('row', { name: /vault/ });
    await row.locator('.is-warn', { hasText: /%$/ }).first().waitFor();
    assert.equal(await row.locator('.is-bad').count(), 0);
  });
});

test('a service as a whole has the latencies that its own row tells', { skip }, async () => {
  await visit('/?window=15m&select=shop%2Fcart', async ({ page }) => {
    const panel = page.getByRole('complementary', { name: 'About cart' });
    await panel.getByRole('term').filter({ hasText: 'p95' }).waitFor();
    assert.equal(await panel.getByText(/the slowest of/).count(), 0);
  });
  await visit('/?window=15m&select=shop%2Fclient%3Eshop%2Fcart', async ({ page }) => {
    await page.getByText('the slowest of 2').first().waitFor();
    await page.getByRole('link', { name: 'Explain' }).last().click();
    await page.locator('.verdict').first().waitFor();
    assert.equal(await page.getByLabel('To', { exact: true }).inputValue(), 'http://cart.shop.svc.cluster.local:8080/');
  });
});

test('a narrow window scrolls nowhere sideways', { skip }, async () => {
  for (const call of ['/', '/services', '/tap', '/explain', '/control'])
    await visit(
      call,
      async ({ page }) => {
        await page.locator('main :is(h1, h2)').first().waitFor();
        assert.equal(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), 0, call);
      },
      { viewport: { width: 390, height: 844 } },
    );
});

test('a search is two keys and a word away', { skip }, async () => {
  await visit('/services', async ({ page }) => {
    await page.getByRole('table', { name: 'Services' }).waitFor();
    await page.keyboard.press('/');
    await page.getByRole('combobox', { name: 'Search' }).fill('vault service');
    await page.getByRole('option', { name: /vault/ }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'vault' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await page.getByRole('heading', { level: 1, name: 'Control plane' }).waitFor();
  });
});

interface Judgement {
  readonly contrasts: readonly (readonly [string, number])[];
  readonly nameless: readonly string[];
}

const JUDGE = readFileSync(path.join(import.meta.dirname, 'dashboard/judge.js'), 'utf8');

const backgroundOf = (page: Page): Promise<string> => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');

for (const colorScheme of ['light', 'dark'] as const) {
  test(`${colorScheme} is what the system says, until one chooses; texts can be read and controls have names`, { skip }, async () => {
    await visit(
      '/',
      async ({ page }) => {
        await page.locator('[data-node]').first().waitFor();
        const background = await backgroundOf(page);
        const { contrasts, nameless } = await page.evaluate<Judgement>(JUDGE);
        assert.deepEqual(nameless, []);
        for (const [pair, contrast] of contrasts) assert.ok(contrast >= 4.5, `${pair}: ${contrast.toFixed(2)}`);
        await page.getByRole('button', { name: colorScheme === 'light' ? 'Dark colours' : 'Light colours' }).click();
        const other = await backgroundOf(page);
        assert.notEqual(other, background);
        await page.reload();
        await page.locator('[data-node]').first().waitFor();
        assert.equal(await backgroundOf(page), other);
      },
      { colorScheme },
    );
  });
}

test('nothing secret is served', { skip }, async () => {
  const { page } = await openPage(browser);
  const texts: string[] = [];
  for (const call of ['/api/topology', '/api/services', '/api/source?file=mesh.yaml&line=10', '/metrics', '/api/proxies', '/api/history']) {
    const response = await page.request.get(new URL(call, url).href);
    assert.equal(response.status(), 200, call);
    texts.push(await response.text());
  }
  assert.equal(texts.join('').includes('hush'), false);
  for (const call of ['/api/sources', '/api/snapshot', '/api/workloads', '/api/history/1'])
    assert.equal((await page.request.get(new URL(call, url).href)).status(), 404, call);
  await page.context().close();
});

test('an edge turned red since, because its requests fail', { skip }, async () => {
  const { page, troubles, requests } = graph;
  await edge(page, 'shop/client>shop/shaky', 'bad').waitFor();
  await edge(page, 'shop/client>shop/cart', 'ok').waitFor();
  assert.deepEqual(troubles, []);
  assert.deepEqual(
    requests.filter((each) => !each.startsWith(url)),
    [],
  );
  await page.context().close();
});

test('200 services and 2,000 edges are drawn, and can be narrowed down', { skip }, async (t) => {
  const dashboard = await serveFixture(200, 2000);
  t.after(() => dashboard.close());
  const { page, troubles } = await openPage(browser);
  await page.goto(dashboard.url);
  await page.locator('[data-node]').first().waitFor();
  assert.equal(await page.locator('[data-node]').count(), 200);
  await page.getByText('200 services, 2000 connections').waitFor();
  await page.getByRole('button', { name: 'Trouble only' }).click();
  await page.getByText(/\d+ of 200 services/).waitFor();
  assert.equal(await page.locator('[data-edge][data-health="ok"]').count(), 0);
  await page.goto(new URL('/?focus=checkout%2Fprice', dashboard.url).href);
  await page.locator('svg[data-layout="cards"]').waitFor();
  assert.deepEqual(troubles, []);
  await page.context().close();
});

test('who has the token logs in, and who has not is told so', { skip }, async (t) => {
  const dashboard = await serveFixture(3, 2, ASSETS, 'open sesame');
  t.after(() => dashboard.close());
  const { page, troubles } = await openPage(browser);
  const show = async (token: string): Promise<void> => {
    await page.getByLabel('Token of this dashboard').fill(token);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  await page.goto(new URL('/services?q=edge', dashboard.url).href);
  await show('sesame');
  await page.getByText('This is not the token.').waitFor();
  await show('open sesame');
  // where the link led to
  await page.getByRole('table', { name: 'Services' }).getByText('gateway').waitFor();
  assert.equal(new URL(page.url()).search, '?q=edge');
  assert.deepEqual(troubles, []);
  await page.context().close();
});

test('its JavaScript is at most 500 kB, gzipped', { skip }, () => {
  const bytes = globSync(path.join(ASSETS, '*.js')).map((file) => gzipSync(readFileSync(file), { level: 9 }).length);
  assert.ok(bytes.length > 0);
  const total = bytes.reduce((sum, each) => sum + each, 0);
  console.log(`JavaScript: ${(total / 1000).toFixed(0)} kB gzipped`);
  assert.ok(total <= JS_GZIP_BYTES_MAX);
});
