/** The control plane over real sockets, with a compiler small enough to see through. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../core/log.ts';
import { type ControlPlaneOptions, startControlPlane } from './main.ts';
import { lineCompiler } from './testing/line-compiler.ts';
import { callAdmin, runPlane, type TestPlane } from './testing/plane.ts';
import { probe, type ProbeOptions } from './testing/probe.ts';

const GRACES = { instanceGraceMs: 20, restoreGraceMs: 10_000 };

function setUp(t: TestContext, text: string, options: Partial<ControlPlaneOptions> = {}): Promise<TestPlane> {
  return runPlane(t, text, { ...GRACES, ...options });
}

async function tokenOf(setup: TestPlane, namespace: string, serviceAccount: string): Promise<string> {
  const { text } = await setup.call('POST', '/api/tokens', { namespace, serviceAccount });
  const { token }: { token: string } = JSON.parse(text);
  return token;
}

async function get(setup: TestPlane, url: string): Promise<unknown> {
  return JSON.parse((await setup.call('GET', url)).text);
}

test('an edit reaches the proxy', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const proxy = setup.connect();
  await proxy.until((held) => held.has('CDS a'));
  await setup.write('cluster a 1\ncluster b 1\n');
  await proxy.until((held) => held.has('CDS b'));
});

test('a broken edit is refused with its place, and the former version stays', async (t) => {
  const setup = await setUp(t, 'cluster a 1\ncluster b 1\n');
  const proxy = setup.connect();
  await proxy.until((held) => held.has('CDS b'));
  // c shows that the edit was seen
  await setup.write('cluster a bad\ncluster b unfit\ncluster c 1\n');
  await proxy.until((held) => held.has('CDS c'));
  assert.match(proxy.held.get('CDS a') ?? '', /1$/);
  assert.match(proxy.held.get('CDS b') ?? '', /1$/);
  const { diagnostics } = (await get(setup, '/api/diagnostics')) as { diagnostics: { file: string; line: number; message: string }[] };
  assert.deepEqual(
    diagnostics.map(({ file, line, message }) => [file, line, message]),
    [
      ['mesh.yaml', 1, 'bad is not good'],
      ['mesh.yaml', 2, 'it does not fit'],
    ],
  );
  await setup.write('cluster c 1\n');
  await proxy.until((held) => !held.has('CDS a') && !held.has('CDS b'));
});

test('a restart over a broken file goes on with its last good version', async (t) => {
  const setup = await setUp(t, 'cluster a 1\ncluster b 1\n');
  const before = setup.connect();
  await before.until((held) => held.has('CDS b'));
  // b's newest good version is from a text that was half broken
  await setup.write('cluster a bad\ncluster b 2\n');
  await before.until((held) => held.get('CDS b')?.endsWith('2') === true);
  await setup.plane.close();
  await setup.write('cluster a bad\ncluster b unfit\ncluster c 1\n');
  await setup.restart();
  const after = setup.connect();
  await after.until((held) => held.has('CDS c'));
  assert.match(after.held.get('CDS a') ?? '', /1$/);
  assert.match(after.held.get('CDS b') ?? '', /2$/);
  await setup.write('cluster c 1\n');
  await after.until((held) => !held.has('CDS a') && !held.has('CDS b'));
});

test('a rejection is reported with its reason', async (t) => {
  const setup = await setUp(t, 'cluster a ugly\n');
  const proxy = setup.connect({ rejects: 'ugly' });
  const rows = async (): Promise<{ types: { CDS: { status: string; nack?: { message: string } } } }[]> => {
    const { proxies } = (await get(setup, '/api/proxies')) as {
      proxies: { types: { CDS: { status: string; nack?: { message: string } } } }[];
    };
    return proxies;
  };
  let [row] = await rows();
  while (row?.types.CDS.status !== 'ERROR') [row] = await rows();
  assert.equal(row.types.CDS.nack?.message, 'CDS a: the probe does not like it');
  proxy.drop();
});

test('an instance is ready when it says so, leaves at goodbye, and after a grace when it breaks', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const watcher = setup.connect();
  const token = await tokenOf(setup, 'shop', 'web');
  for (const end of ['goodbye', 'drop'] as const) {
    const proxy = setup.connect({ token, address: '10.0.0.7' });
    await proxy.until((held) => held.has('CDS a'));
    assert.equal(watcher.held.has('EDS i:web-0'), false);
    proxy.health(true);
    await watcher.until((held) => held.has('EDS i:web-0'));
    proxy.health(false);
    await watcher.until((held) => !held.has('EDS i:web-0'));
    proxy.health(true);
    await watcher.until((held) => held.has('EDS i:web-0'));
    proxy[end]();
    await watcher.until((held) => !held.has('EDS i:web-0'));
  }
});

test('a restart keeps what is known, and a proxy that comes back is ready as before', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const token = await tokenOf(setup, 'shop', 'web');
  const proxy = setup.connect({ token, address: '10.0.0.7' });
  proxy.health(true);
  await proxy.until((held) => held.has('EDS i:web-0'));
  await setup.restart();
  await proxy.ended;
  const { instances } = (await get(setup, '/api/instances')) as { instances: { id: string; isReady: boolean }[] };
  assert.deepEqual(
    instances.map(({ id, isReady }) => [id, isReady]),
    [['web-0', true]],
  );
  const watcher = setup.connect();
  await watcher.until((held) => held.has('EDS i:web-0'));
  proxy.reconnect();
  await setup.write('cluster b 1\n');
  await proxy.until((held) => held.has('CDS b'));
  assert.equal(proxy.held.has('EDS i:web-0'), true);
});

test('an instance that does not come back after a restart goes', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n', { restoreGraceMs: 50 });
  const proxy = setup.connect({ token: await tokenOf(setup, 'shop', 'web'), address: '10.0.0.7' });
  proxy.health(true);
  await proxy.until((held) => held.has('EDS i:web-0'));
  proxy.drop();
  await setup.restart();
  const watcher = setup.connect();
  await watcher.until((held) => held.has('CDS a') && !held.has('EDS i:web-0'));
});

test('who a stream is, is checked', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const token = await tokenOf(setup, 'shop', 'web');
  const cases: { name: string; options: ProbeOptions; want: RegExp }[] = [
    {
      name: 'a token of somebody else',
      options: { token, serviceAccount: 'admin' },
      want: /node says shop\/admin, its credential says shop\/web/,
    },
    { name: 'a forged token', options: { token: `${token}x` }, want: /not made by this control plane/ },
    { name: 'registering without a token', options: { address: '10.0.0.7' }, want: /needs a token/ },
  ];
  for (const { name, options, want } of cases) assert.match(await setup.connect(options).ended, want, name);
});

test('private keys are only for those who showed who they are', async (t) => {
  const setup = await setUp(t, 'cluster a 1\nsecret gateway key\n');
  const secrets = ['default', 'ROOTCA', 'gateway'];
  const stranger = setup.connect({ secrets });
  await stranger.until((held) => held.has('SDS ROOTCA') && held.has('CDS a'));
  assert.deepEqual([stranger.held.has('SDS default'), stranger.held.has('SDS gateway')], [false, false]);
  const known = setup.connect({ secrets, token: await tokenOf(setup, 'shop', 'web') });
  await known.until((held) => held.has('SDS ROOTCA') && held.has('SDS default') && held.has('SDS gateway'));
  assert.match(known.held.get('SDS default') ?? '', /BEGIN PRIVATE KEY/);
});

test('a certificate from SDS is renewed at half its life', async (t) => {
  const setup = await setUp(t, '', { certTtlMs: 2000 });
  const proxy = setup.connect({ secrets: ['default'], token: await tokenOf(setup, 'shop', 'web') });
  await proxy.until((held) => held.has('SDS default'));
  const first = proxy.held.get('SDS default');
  await proxy.until((held) => held.get('SDS default') !== first);
});

test('the admin API answers, and refuses what it cannot understand', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const cases = [
    { method: 'GET', url: '/ready', status: 200, want: /"ready":true/ },
    { method: 'GET', url: '/api/workloads', status: 200, want: /"generation":1,"workloads":\[\]/ },
    { method: 'GET', url: '/api/ca', status: 200, want: /BEGIN CERTIFICATE/ },
    { method: 'GET', url: '/metrics', status: 200, want: /# TYPE pilot_proxy_convergence_time histogram/ },
    { method: 'GET', url: '/nowhere', status: 404, want: /there is no GET \/nowhere/ },
    { method: 'GET', url: '//', status: 400, want: /the path cannot be read/ },
    { method: 'GET', url: '/api/flows/%zz', status: 400, want: /not part of a path/ },
    { method: 'GET', url: '/api/proxies/%zz/resources', status: 400, want: /not part of a path/ },
    { method: 'GET', url: '/metrics/%zz', status: 400, want: /not part of a path/ },
    { method: 'GET', url: '/api/proxies/nobody/resources', status: 404, want: /no proxy nobody is connected/ },
    { method: 'GET', url: '/api/proxy-settings?labels=no', status: 400, want: /labels is not a JSON object/ },
    { method: 'GET', url: '/api/signals?window=long', status: 400, want: /window=long is not a time/ },
    { method: 'GET', url: '/api/signals?window=20m', status: 400, want: /window=20m is longer than the 15m that are kept/ },
    { method: 'POST', url: '/api/rollback', body: { version: 'one' }, status: 400, want: /must be the number of a version/ },
    { method: 'POST', url: '/api/rollback', body: { version: 7 }, status: 404, want: /there is no version 7/ },
    { method: 'POST', url: '/api/apply', body: { files: { 'a.yaml': 1 } }, status: 400, want: /must be an object of texts/ },
    {
      method: 'POST',
      url: '/api/tokens',
      body: { namespace: 'a:b', serviceAccount: 'x' },
      status: 400,
      want: /\\"namespace\\" must be a name/,
    },
  ];
  for (const { method, url, body, status, want } of cases) {
    const answer = await setup.call(method, url, body);
    assert.equal(answer.status, status, url);
    assert.match(answer.text, want);
  }
});

test('over TCP pages of other sites get nothing, by whatever name they come', async (t) => {
  const setup = await setUp(t, '', { adminAddress: '127.0.0.1:0' });
  const [host = '', port] = (setup.plane.adminAddress ?? '').split(':');
  const statusWith = async (headers: Readonly<Record<string, string>>): Promise<number> =>
    (await callAdmin({ host, port: Number(port), headers }, 'GET', '/api/workloads')).status;
  const cases = [
    { name: 'a client', headers: {}, want: 200 },
    { name: 'a client through a tunnel', headers: { host: 'localhost:9' }, want: 200 },
    { name: 'a name that resolves to loopback', headers: { host: 'rebound.example:80' }, want: 403 },
    { name: "another site's page", headers: { origin: 'https://evil.example' }, want: 403 },
  ];
  for (const { name, headers, want } of cases) assert.equal(await statusWith(headers), want, name);
});

test('an address that can be reached from outside is not served unencrypted', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  t.after(() => rm(folder, { recursive: true }));
  const options = { folder, stateDir: path.join(folder, '.tulle'), compiler: lineCompiler, log: silentLog };
  await assert.rejects(startControlPlane({ ...options, xdsAddress: '0.0.0.0:0' }), /use loopback/);
  await assert.rejects(readFile(path.join(folder, '.tulle', 'xds.sock')), /ENOENT/);
});

test('over TLS the mesh certificate serves as credential too', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n', { xdsTlsAddress: '127.0.0.1:0' });
  const [host = '', port] = (setup.plane.xdsTlsAddress ?? '').split(':');
  const target = { host, port: Number(port), tls: { ca: setup.plane.rootCertificate } };
  const proxy = probe(target, { token: await tokenOf(setup, 'shop', 'web'), secrets: ['default'] });
  await proxy.until((held) => held.has('SDS default'));
  const pem = proxy.held.get('SDS default') ?? '';
  const certificate = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(pem)?.[0] ?? '';
  const privateKey = /-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----/.exec(pem)?.[0] ?? '';
  proxy.drop();
  const again = probe({ ...target, tls: { ...target.tls, certificate, privateKey } }, { secrets: ['default'] });
  await again.until((held) => held.has('SDS default'));
  again.drop();
});

test('instances without a proxy are put and deleted over the Unix socket only', async (t) => {
  const setup = await setUp(t, '', { adminAddress: '127.0.0.1:0' });
  const ports = [{ name: 'http', number: 8080, protocol: 'http', listen: 8080 }];
  const body = { workload: 'old', serviceAccount: 'old', labels: {}, address: '10.0.0.7', locality: '', ports, isReady: true };
  const refused = [
    { name: 'no address', id: 'old-0', body: { ...body, address: 'old' }, error: /is not an IP address/ },
    { name: 'a port that is none', id: 'old-0', body: { ...body, ports: [{ ...ports[0], listen: 0 }] }, error: /a port has name/ },
    { name: 'nothing', id: 'old-0', body: {}, error: /an instance has workload/ },
    { name: 'a name that is none', id: 'OLD', body, error: /must be a name of lower-case/ },
  ];
  for (const row of refused) {
    const { status, text } = await setup.call('PUT', `/api/instances/shop/${row.id}`, row.body);
    assert.equal(status, 400, row.name);
    assert.match(text, row.error);
  }
  const overTcp = await fetch(`http://${setup.plane.adminAddress}/api/instances/shop/old-0`, { method: 'PUT', body: JSON.stringify(body) });
  assert.equal(overTcp.status, 403);
  await overTcp.text();
  assert.equal((await setup.call('PUT', '/api/instances/shop/old-0', body)).status, 200);
  assert.deepEqual(await get(setup, '/api/instances'), { instances: [{ ...body, namespace: 'shop', id: 'old-0', isMeshed: false }] });
  const { text } = await setup.call('DELETE', '/api/instances/shop/old-0');
  assert.deepEqual(JSON.parse(text), { deleted: true });
  assert.deepEqual(await get(setup, '/api/instances'), { instances: [] });
});
