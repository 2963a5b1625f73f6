/** An installed package begins proxies from a start-up snapshot, where there is one that is right, and else as it does without. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { until } from '../../src/core/testing/eventually.ts';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { buildDist } from '../../tools/dist.ts';
import { root } from './harness.ts';
import {
  cluster,
  echoServer,
  httpListener,
  serve,
  startStaticProxy,
  type StaticProxy,
  tcpListener,
  typed,
  wholeFile,
} from './static-proxy.ts';

const file = wholeFile();
const folder = mkdtempSync(path.join(tmpdir(), 'tulle-installed-'));
file.after(() => rmSync(folder, { recursive: true, force: true }));
const program = path.join(folder, 'bin/tulle');
const dist = path.join(folder, 'dist');

cpSync(path.join(root, 'bin'), path.join(folder, 'bin'), { recursive: true });
cpSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
await buildDist(dist);
const env = { ...process.env, TULLE_NODE: process.execPath, NODE_OPTIONS: '' };
const blob = execFileSync(program, ['proxy', 'snapshot'], { encoding: 'utf8', env }).trim();

const commandLine = ({ pid }: StaticProxy): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

/** Whether the launcher begins a proxy from the snapshot; the proxy must begin in any case. */
function begins(more: NodeJS.ProcessEnv = {}, args: readonly string[] = ['--help'], shell = program): boolean {
  const { stdout, stderr, status } = spawnSync('sh', ['-x', shell, 'proxy', ...args], { encoding: 'utf8', env: { ...env, ...more } });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Usage: tulle proxy/);
  return /exec .*--snapshot-blob/.test(stderr);
}

function get(port: number): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, agent: false }, (response) => resolve(response.resume())).on('error', reject);
  });
}

test('a proxy that begins from the snapshot serves, and draws random bytes of its own', async (t) => {
  const origin = await serve(
    t,
    http.createServer({ keepAliveTimeout: 0 }, (request, response) =>
      response.setHeader('id', String(request.headers['x-request-id'])).end('ok'),
    ),
  );
  const ids = [];
  for (let i = 0; i < 2; i++) {
    const resources = { listeners: [httpListener('in', 'origin')], clusters: [cluster('origin', origin)] };
    const proxy = await startStaticProxy(t, () => resources, { program });
    assert.match(commandLine(proxy), /--snapshot-blob/);
    const response = await get(await proxy.port('in'));
    assert.equal(response.statusCode, 200);
    assert.ok(Math.abs(Date.parse(response.headers.date ?? '') - Date.now()) < 600_000);
    ids.push(response.headers['id']);
    assert.equal(await proxy.end('SIGTERM'), 0);
  }
  assert.match(String(ids[0]), /^[0-9a-f-]{36}$/);
  assert.notEqual(ids[0], ids[1]);
});

test('a proxy gives the memory back that Node keeps of the snapshot', async (t) => {
  const { pid } = await startStaticProxy(t, () => ({ listeners: [], clusters: [] }), { program });
  const mapped = (): string | undefined => /^.* \S+\.memory$/m.exec(readFileSync(`/proc/${pid}/maps`, 'latin1'))?.[0];
  await until(() => mapped() !== undefined);
  const [from = 0, to = 0] = (mapped() ?? '').split(/[- ]/, 2).map((text) => Number.parseInt(text, 16));
  const memory = readFileSync(blob.replace(/blob$/, 'memory'));
  assert.equal(to - from, (Math.floor(memory.length / 4096) - 1) * 4096, 'all whole pages but the first');
});

test('the snapshot is made without protobuf-es’s own descriptors and registry, 0.4 MB of it', () => {
  assert.doesNotMatch(readFileSync(path.join(dist, 'proxy.cjs'), 'latin1'), /\bcreateFileRegistry\b/);
});

test('TLS, which cannot be in the snapshot, is there', async (t) => {
  const ca = createTestCa('snapshot');
  const pair = ca.issue('URI:spiffe://cluster.local/ns/shop/sa/echo');
  const config = typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { inline_string: pair.certificateChain }, private_key: { inline_string: pair.privateKey } }],
    },
  });
  const echo = await serve(t, echoServer());
  const chain = { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: config } };
  const resources = { listeners: [tcpListener('in', 'echo', { chain })], clusters: [cluster('echo', echo)] };
  const proxy = await startStaticProxy(t, () => resources, { program });
  assert.match(commandLine(proxy), /--snapshot-blob/);
  const socket = tls.connect({ host: '127.0.0.1', port: await proxy.port('in'), ca: ca.root, checkServerIdentity: () => undefined });
  const said = new Promise((resolve, reject) => socket.on('data', (bytes) => resolve(String(bytes))).on('error', reject));
  socket.write('hello');
  assert.equal(await said, 'hello');
  socket.destroy();
});

test('what a snapshot cannot do begins without it', () => {
  assert.equal(begins(), true);
  assert.equal(begins({}, ['--concurrency', '1', '--help']), true);
  const without = [
    [{ TULLE_SNAPSHOT: 'off' }, ['--help']],
    [{ NODE_OPTIONS: '--max-old-space-size=300' }, ['--help']],
    [{ TULLE_SOCKETS: 'node' }, ['--help']],
    [{}, ['--concurrency', '2', '--help']],
    [{}, ['--concurrency=0', '--help']],
  ] as const;
  for (const [more, args] of without) assert.equal(begins(more, args), false, JSON.stringify([more, args]));
});

test('a snapshot of another Node, of another program, or that is not whole, is passed over', () => {
  const other = path.join(folder, 'other-node');
  writeFileSync(other, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  assert.equal(begins({ TULLE_NODE: other }), false, 'another Node');

  const bundle = path.join(dist, 'proxy.cjs');
  const { atime, mtime, size } = statSync(bundle);
  utimesSync(bundle, atime, new Date(mtime.getTime() + 5000));
  assert.equal(begins(), false, 'a newer program');
  utimesSync(bundle, atime, mtime);
  assert.equal(begins(), true);
  assert.equal(statSync(bundle).size, size);

  truncateSync(blob, statSync(blob).size - 1);
  assert.equal(begins(), false, 'a broken snapshot');
  execFileSync(program, ['proxy', 'snapshot'], { env });
  assert.equal(begins(), true, 'made again');
  assert.equal(globSync('proxy-*.{blob,memory}*', { cwd: dist }).length, 2);
});

test('a clone, which runs its sources, gets no snapshot', () => {
  mkdirSync(path.join(folder, 'src'));
  try {
    const made = spawnSync(program, ['proxy', 'snapshot'], { encoding: 'utf8', env });
    assert.equal(made.status, 1);
    assert.match(made.stderr, /a clone runs its sources/);
    assert.equal(spawnSync(program, ['proxy', 'snapshot', '--quiet'], { env }).status, 0);
  } finally {
    rmSync(path.join(folder, 'src'), { recursive: true });
  }
});
