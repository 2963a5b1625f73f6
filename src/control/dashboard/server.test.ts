import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ProtocolError } from '../../core/errors.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { openAuthority } from '../ca/authority.ts';
import { readDashboardAddress } from './address.ts';
import { isPassedOn } from './calls.ts';
import { serveDashboard } from './server.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tulle-dashboard-'));
after(() => rmSync(folder, { recursive: true }));

const PAGE = '<!doctype html>';
writeFileSync(path.join(folder, 'index.html'), PAGE);
writeFileSync(path.join(folder, 'login.html'), 'login');
writeFileSync(path.join(folder, 'app-1.js'), 'script');
writeFileSync(path.join(folder, 'app-1.js.gz'), gzipSync('script'));
writeFileSync(path.join(folder, 'secret.txt'), 'not in the manifest');
const manifest = {
  'index.html': { type: 'text/html', etag: '"page"', isHashed: false, encodings: [] },
  'login.html': { type: 'text/html', etag: '"login"', isHashed: false, encodings: [] },
  'app-1.js': { type: 'text/javascript', etag: '"script"', isHashed: true, encodings: ['gzip'] },
};
writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** One call, with any Host header. */
function ask(url: string, call: string, options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(new URL(call, url), { agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

function serve(token?: string) {
  return serveDashboard({
    at: { ...readDashboardAddress('auto'), port: 0 },
    assets: folder,
    token,
    tls: undefined,
    log: silentLog,
    answer({ pathname }) {
      if (pathname === '/api/broken') throw new Error('a bug');
      if (pathname === '/api/refused') throw new ProtocolError('no', 422, 'no');
      return { pathname };
    },
  });
}

test('pages, files and calls are served with headers that keep everything at home', async (t) => {
  const dashboard = await serve();
  t.after(() => dashboard.close());
  for (const call of ['/', '/services/shop/web', '/app-1.js', '/api/x', '/api/broken', '/none.js']) {
    const { headers } = await ask(dashboard.url, call);
    assert.match(String(headers['content-security-policy']), /default-src 'self'/, call);
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|https?:/, call);
    assert.equal(headers['x-content-type-options'], 'nosniff', call);
  }
  for (const page of ['/services/shop/web', '/services/external/bank.example', '/workloads/shop/web.v1', '/%2e%2e/%2e%2e/etc/passwd.txt'])
    assert.equal((await ask(dashboard.url, page)).text, PAGE, page);
  assert.equal((await ask(dashboard.url, '/', { headers: { 'if-none-match': '"page"' } })).status, 304);
  assert.equal((await ask(dashboard.url, '/api/x')).headers['cache-control'], 'no-store');
});

test('files are compressed where they were, and kept where their name is their content', async (t) => {
  const dashboard = await serve();
  t.after(() => dashboard.close());
  const { headers, text } = await ask(dashboard.url, '/app-1.js', { headers: { 'accept-encoding': 'gzip, br' } });
  assert.equal(headers['content-encoding'], 'gzip');
  assert.equal(text, gzipSync('script').toString('latin1'));
  assert.match(String(headers['cache-control']), /immutable/);
  assert.equal((await ask(dashboard.url, '/app-1.js')).text, 'script');
});

test('nothing is served that the manifest does not name', async (t) => {
  const dashboard = await serve();
  t.after(() => dashboard.close());
  for (const call of ['/secret.txt', '/..%2fsecret.txt', '/app-1.js.map', '/manifest.json', '/app-1.js.gz'])
    assert.equal((await ask(dashboard.url, call)).status, 404, call);
});

test('errors have a status; a bug tells no stack', async (t) => {
  const dashboard = await serve();
  t.after(() => dashboard.close());
  assert.equal((await ask(dashboard.url, '/api/refused')).status, 422);
  const { status, text } = await ask(dashboard.url, '/api/broken');
  assert.deepEqual([status, JSON.parse(text)], [500, { error: 'a bug' }]);
});

test('it only reads', async (t) => {
  const dashboard = await serve();
  t.after(() => dashboard.close());
  for (const method of ['PUT', 'DELETE', 'PATCH']) assert.equal((await ask(dashboard.url, '/api/x', { method })).status, 405, method);
  assert.equal((await ask(dashboard.url, '/', { method: 'POST' })).status, 405);
});

test('a name of another site is refused', async (t) => {
  const dashboard = await serve();
  t.after(() => dashboard.close());
  const { status } = await ask(dashboard.url, '/', { headers: { host: 'evil.example' } });
  assert.equal(status, 403);
});

test('with a token one logs in first', async (t) => {
  const token = '0123456789abcdef';
  const dashboard = await serve(token);
  t.after(() => dashboard.close());
  const first = await ask(dashboard.url, '/');
  assert.deepEqual([first.status, first.headers.location], [303, '/login']);
  assert.equal((await ask(dashboard.url, '/api/x')).status, 401);
  assert.equal((await ask(dashboard.url, '/app-1.js')).status, 303);
  assert.equal((await ask(dashboard.url, '/login')).text, 'login');
  const wrong = await ask(dashboard.url, '/login', { method: 'POST' }, 'token=wrong');
  assert.deepEqual([wrong.status, wrong.headers['set-cookie'], wrong.headers.location], [303, undefined, '/login#wrong']);
  const linked = await ask(dashboard.url, '/services?q=pay');
  assert.equal(linked.headers.location, '/login?to=%2Fservices%3Fq%3Dpay');
  const goes = async (to: string): Promise<unknown> =>
    (await ask(dashboard.url, `/login?to=${encodeURIComponent(to)}`, { method: 'POST' }, `token=${token}`)).headers.location;
  assert.equal(await goes('/services?q=pay'), '/services?q=pay');
  for (const other of [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '/.//evil.example',
    'javascript:alert(1)',
    'http://dashboard//evil.example',
  ])
    assert.equal(await goes(other), '/', other);
  const long = await ask(dashboard.url, '/login', { method: 'POST' }, `token=${'x'.repeat(2000)}`);
  assert.deepEqual([long.status, JSON.parse(long.text)], [413, { error: 'the body is larger than 1024 bytes' }]);
  const right = await ask(dashboard.url, '/login', { method: 'POST' }, `token=${token}`);
  const cookie = right.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  assert.equal((await ask(dashboard.url, '/', { headers: { cookie } })).text, PAGE);
  assert.equal((await ask(dashboard.url, '/api/x', { headers: { authorization: `Bearer ${token}` } })).status, 200);
});

test('beyond loopback it is TLS, with a certificate of the mesh, and the session goes no other way', async (t) => {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'tulle-dashboard-ca-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const authority = await openAuthority(stateDir, 1000, systemClock);
  const { certificateChain: cert, privateKey: key } = authority.issueServer(['127.0.0.1']);
  const token = '0123456789abcdef';
  const at = { ...readDashboardAddress('auto'), port: 0 };
  const dashboard = await serveDashboard({ at, assets: folder, token, tls: { cert, key }, log: silentLog, answer: () => ({}) });
  t.after(() => dashboard.close());
  assert.match(dashboard.url, /^https:/);
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const options = { method: 'POST', ca: authority.rootCertificate, agent: false };
    https.request(new URL('/login', dashboard.url), options, resolve).on('error', reject).end(`token=${token}`);
  });
  response.resume();
  assert.match(response.headers['set-cookie']?.[0] ?? '', /; Secure$/);
  const next = authority.issueServer(['127.0.0.1']);
  dashboard.renew({ cert: next.certificateChain, key: next.privateKey });
  const shown = await new Promise<string>((resolve, reject) => {
    const { hostname: host, port } = new URL(dashboard.url);
    const socket = tls.connect({ host, port: Number(port), ca: authority.rootCertificate }, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
  assert.ok(shown !== '' && next.certificateChain.startsWith(shown));
});

test('a port that is taken is left for a free one, where any will do', async (t) => {
  const first = await serve();
  const at = { host: '127.0.0.1', port: Number(new URL(first.url).port), isAnyPort: true, isLoopback: true };
  const options = { assets: folder, token: undefined, tls: undefined, log: silentLog, answer: () => ({}) };
  const second = await serveDashboard({ at, ...options });
  t.after(() => Promise.all([first.close(), second.close()]));
  assert.notEqual(second.url, first.url);
  await assert.rejects(serveDashboard({ at: { ...at, isAnyPort: false }, ...options }), { code: 'EADDRINUSE' });
});

test('calls that tell secrets or change something are not passed on', () => {
  for (const call of ['/api/sources', '/api/snapshot', '/api/tokens', '/api/workloads', '/api/proxies/a/resources', '/api/history/1'])
    assert.equal(isPassedOn('GET', call), false, call);
  for (const call of ['/api/rollback', '/api/apply', '/api/flows']) assert.equal(isPassedOn('POST', call), false, call);
  assert.equal(isPassedOn('GET', '/api/flows/abc'), true);
});
