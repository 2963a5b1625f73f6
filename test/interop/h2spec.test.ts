/** h2spec against the proxy, in clear text and over TLS: every case of its generic, http2 and hpack groups passes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../../src/net/testing/port-of.ts';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { cluster, startStaticProxy, type StaticProxy, typed } from '../e2e/static-proxy.ts';
import { goPeer, goPeersMissing } from './go-peers.ts';

interface Failure {
  readonly name: string;
  readonly what: string;
}

interface Report {
  readonly passed: number;
  readonly failed: readonly Failure[];
  readonly skipped: number;
}

const unescape = (text: string): string =>
  text
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replaceAll('&#xA;', '\n');

/** Reads h2spec's JUnit report: a suite for each section, a case with `failure`, `error` or `skipped` where it did not pass. */
function readReport(xml: string): Report {
  const failed: Failure[] = [];
  let [passed, skipped] = [0, 0];
  for (const [, attributes = '', body = ''] of xml.matchAll(/<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    const attribute = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
    if (/<skipped/.test(body)) skipped++;
    else if (/<(failure|error)/.test(body)) {
      const what = unescape(body.replaceAll(/<[^>]*>/g, '')).trim();
      failed.push({ name: `${attribute('package')}: ${unescape(attribute('classname'))}`, what });
    } else passed++;
  }
  return { passed, failed, skipped };
}

/** Runs all groups against a port of loopback. */
async function runH2spec(proxy: StaticProxy, port: number, flags: readonly string[]): Promise<Report> {
  const file = path.join(proxy.folder, `h2spec-${port}.xml`);
  const args = ['generic', 'http2', 'hpack', '--strict', '--port', String(port), '--timeout', '2', '--junit-report', file, ...flags];
  const { promise, resolve } = Promise.withResolvers<void>();
  // it ends with 1 where a case has failed: the report says which
  execFile(goPeer('h2spec'), args, { timeout: 180_000 }, () => resolve());
  await promise;
  return readReport(await readFile(file, 'utf8'));
}

function tlsSocket(): JsonObject {
  const { certificateChain, privateKey } = createTestCa('h2spec').issue('DNS:localhost');
  const context = typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { inline_string: certificateChain }, private_key: { inline_string: privateKey } }],
      alpn_protocols: ['h2', 'http/1.1'],
    },
  });
  return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context } };
}

/** A listener of HTTP/2 alone: one that guesses answers a wrong preface as HTTP/1.1. */
function listener(name: string, chain: JsonObject): JsonObject {
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: name,
    codec_type: 'HTTP2',
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) }],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'origin' } }] }] },
  });
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  return { name, address: { socket_address: { address: '127.0.0.1', port_value: 0 } }, filter_chains: [{ filters, ...chain }] };
}

async function startProxy(t: TestContext): Promise<StaticProxy> {
  const origin = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    request.resume();
    request.on('end', () => response.end('an answer of some length\n'));
  });
  origin.listen(0, '127.0.0.1');
  t.after(() => origin.close());
  await new Promise((resolve) => origin.once('listening', resolve));
  return startStaticProxy(t, () => ({
    listeners: [listener('clear', {}), listener('secure', tlsSocket())],
    clusters: [cluster('origin', portOf(origin))],
  }));
}

/** How many cases the three groups have. */
const CASES = 146;

test('h2spec', { skip: goPeersMissing, timeout: 180_000 }, async (t) => {
  const proxy = await startProxy(t);
  for (const [name, flags] of [
    ['clear', []],
    ['secure', ['--tls', '--insecure']],
  ] as const) {
    await t.test(name, async () => {
      const report = await runH2spec(proxy, await proxy.port(name), flags);
      assert.deepEqual(report, { passed: CASES, failed: [], skipped: 0 });
    });
  }
});
