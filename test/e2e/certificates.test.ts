/** Who may not come in, and that certificates are renewed without anybody noticing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../../src/net/testing/port-of.ts';
import { createTestCa, type TestKeyPair } from '../../src/net/testing/certificates.ts';
import { TestMesh } from './harness.ts';
import { others, startLoad } from './load.ts';
import { cluster, startStaticProxy, tcpListener, typed } from './static-proxy.ts';
import { httpProxyPort } from './through-proxy.ts';

/** mTLS with what `ca` signed, before an echo; each connection is one line of `log`. */
function mutualListener(ca: string, server: TestKeyPair, log: string): JsonObject {
  const config = typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: { inline_string: server.certificateChain }, private_key: { inline_string: server.privateKey } },
      ],
      validation_context: { trusted_ca: { inline_string: ca } },
    },
  });
  const logged = typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path: log,
    log_format: { text_format_source: { inline_string: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n' } },
  });
  return tcpListener('in', 'echo', {
    chain: { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: config } },
    listener: { access_log: [{ name: 'envoy.access_loggers.file', typed_config: logged }] },
  });
}

/** What a client with a certificate hears after it said `hi`. */
async function sayHi(port: number, pair: TestKeyPair | undefined): Promise<string> {
  const own = pair === undefined ? {} : { cert: pair.certificateChain, key: pair.privateKey };
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...own });
  socket.on('error', () => {});
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk.toString();
    socket.end();
  });
  socket.write('hi');
  // a client without a certificate gets an alert
  await once(socket, 'close').catch(() => undefined);
  return heard;
}

test('clients that mTLS refuses are counted, and the access log says why', async (t) => {
  const ca = createTestCa('mesh');
  const foreign = createTestCa('foreign');
  const name = 'URI:spiffe://mesh/ns/shop/sa/client';
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  t.after(() => echo.close());
  const proxy = await startStaticProxy(t, (folder) => ({
    listeners: [mutualListener(ca.root, ca.issue('URI:spiffe://mesh/ns/shop/sa/server'), path.join(folder, 'access.log'))],
    clusters: [cluster('echo', portOf(echo))],
  }));
  const port = await proxy.port('in');
  const log = (): string => readFileSync(path.join(proxy.folder, 'access.log'), 'utf8');
  assert.equal(await sayHi(port, ca.issue(name)), 'hi');
  const cases = [
    { who: 'expired', pair: ca.issue(name, { isExpired: true }), stat: 'fail_verify_error', count: 1, says: /CERT_HAS_EXPIRED/ },
    { who: 'foreign', pair: foreign.issue(name), stat: 'fail_verify_error', count: 2, says: /SELF_SIGNED|UNABLE_TO/ },
    { who: 'nobody', pair: undefined, stat: 'fail_verify_no_cert', count: 1, says: /no_certificate/ },
  ];
  for (const { who, pair, stat, count, says } of cases) {
    assert.equal(await sayHi(port, pair), '', who);
    await proxy.untilStat(new RegExp(`^listener\\..*ssl\\.${stat}:`), count);
    // the log is written in batches
    while (!says.test(log())) await sleep(20);
  }
});

const CLIENT = `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: client, namespace: default, labels: { app: client } }
spec: { command: [sleep, "100000"] }
`;

const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

async function serialOf(mesh: TestMesh, instance: string): Promise<string> {
  const { text } = await mesh.proxy(instance, '/certs');
  const serial = /"cert_chain":\s*\[\s*\{[^}]*"serial_number":\s*"([0-9a-f]+)"/.exec(text)?.[1];
  if (serial === undefined) throw new Error(`${instance} has no certificate: ${text.slice(0, 200)}`);
  return serial;
}

test('certificates are renewed under load: no request fails, no connection is dropped', async (t) => {
  // without the example's retries and timeouts
  const files = { 'client.yaml': CLIENT, 'mesh.yaml': STRICT };
  const mesh = TestMesh.start('explicit', { example: 'reviews', files, flags: ['--cert-ttl', '6s'] });
  t.after(() => mesh.stop());
  await mesh.ready('reviews-v1', 'reviews-v2', 'client');
  const instances = ['client-0.default', 'reviews-v1-0.default', 'reviews-v2-0.default'];
  const before = await Promise.all(instances.map((instance) => serialOf(mesh, instance)));
  const load = startLoad(t, mesh, 'client', 'http://reviews:9080/');
  // one connection, on which one request is under way over the whole time
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const long = new Promise<number>((resolve, reject) => {
    const headers = { host: 'reviews:9080', 'x-delay-ms': '4500' };
    httpProxyPort(mesh, 'client')
      .then((port) => {
        const sent = request({ agent, host: '127.0.0.1', port, path: 'http://reviews:9080/', headers }, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        });
        sent.on('error', reject);
        sent.end();
      })
      .catch(reject);
  });
  for (const round of [1, 2]) {
    const former = round === 1 ? before : await Promise.all(instances.map((instance) => serialOf(mesh, instance)));
    await mesh.until(`renewal ${round}`, async () => {
      const now = await Promise.all(instances.map((instance) => serialOf(mesh, instance)));
      return now.every((serial, index) => serial !== former[index]);
    });
  }
  assert.equal(await long, 200);
  const outcomes = await load.stop();
  assert.deepEqual(others(outcomes), []);
  assert.ok(outcomes.length > 100, `${outcomes.length} requests`);
});
