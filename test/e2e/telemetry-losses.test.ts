/**
 * What becomes of telemetry that nobody takes: collectors that are down, slow or refuse, a full disk, a clock that jumps.
 * Traffic never waits for it, memory is bounded, and what is lost is counted.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../src/core/testing/eventually.ts';
import { cluster, httpListener, httpOptions, serve, startStaticProxy, type StaticProxy, typed, wholeFile } from './static-proxy.ts';

const lifetime = wholeFile();

const traced = (provider: JsonObject): JsonObject => ({ tracing: { provider } });

const zipkin = (to: string): JsonObject => ({
  name: 'envoy.tracers.zipkin',
  typed_config: typed('envoy.config.trace.v3.ZipkinConfig', {
    collector_cluster: to,
    collector_endpoint: '/api/v2/spans',
    collector_endpoint_version: 'HTTP_JSON',
  }),
});

const otlp = (to: string, timeout: string): JsonObject => ({
  name: 'envoy.tracers.opentelemetry',
  typed_config: typed('envoy.config.trace.v3.OpenTelemetryConfig', {
    grpc_service: { envoy_grpc: { cluster_name: to }, timeout },
    service_name: to,
  }),
});

const logged = (name: string, type: string, config: JsonObject): JsonObject => ({
  access_log: [{ name, typed_config: typed(`envoy.extensions.access_loggers.${type}`, config) }],
});

const lineTo = (file: string, text = '%REQ(:PATH)% %DURATION%\n'): JsonObject =>
  logged('envoy.access_loggers.file', 'file.v3.FileAccessLog', {
    path: file,
    log_format: { text_format_source: { inline_string: text } },
  });

const records = (to: string, statPrefix: string): JsonObject =>
  logged('envoy.access_loggers.open_telemetry', 'open_telemetry.v3.OpenTelemetryAccessLogConfig', {
    common_config: {
      log_name: 'x',
      grpc_service: { envoy_grpc: { cluster_name: to }, timeout: '0.5s' },
      transport_api_version: 'V3',
      buffer_size_bytes: 1,
    },
    body: { string_value: '%REQ(:PATH)%' },
    stat_prefix: statPrefix,
  });

const H2 = httpOptions({ http2_protocol_options: {} });
const FULL = '/dev/full';
const DROPPED = /^access_log_file\.dropped:/;
const LOST = /^tracing\.zipkin\.spans_lost:/;

/** A tiny file system of its own; undefined where that is not to be had. */
function tinyDisk(folder: string): string | undefined {
  const disk = path.join(folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tulle-test', disk], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return disk;
}

/** Sends `count` requests; all must be answered 200. */
async function ask(proxy: StaticProxy, listener: string, count: number, target = '/x'): Promise<void> {
  const port = await proxy.port(listener);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const one = (): Promise<number> =>
    new Promise((resolve, reject) => {
      http
        .get({ port, path: target, agent }, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)))
        .on('error', reject);
    });
  const statuses = await Promise.all(Array.from({ length: count }, one));
  agent.destroy();
  assert.deepEqual([...new Set(statuses)], [200]);
}

let proxy: StaticProxy;
let disk: string | undefined;

before(async () => {
  const app = await serve(
    lifetime,
    http.createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('ok')),
  );
  const refusing = await serve(
    lifetime,
    http.createServer({ keepAliveTimeout: 0 }, (_, response) => response.writeHead(503).end()),
  );
  // takes connections, and says nothing on them
  const silent = await serve(
    lifetime,
    net.createServer((socket) => socket.on('error', () => {}).resume()),
  );
  const gone = net.createServer();
  const down = await serve({ after: () => {} }, gone);
  gone.close();
  const own = mkdtempSync(path.join(tmpdir(), 'tulle-losses-'));
  disk = tinyDisk(own);
  lifetime.after(() => {
    if (disk !== undefined) execFileSync('umount', [disk]);
    rmSync(own, { recursive: true });
  });
  proxy = await startStaticProxy(lifetime, (folder) => {
    const listeners = {
      'zipkin-down': traced(zipkin('down')),
      'zipkin-refuses': traced(zipkin('refuses')),
      slow: traced(otlp('silent', '60s')),
      late: traced(otlp('silent', '0.1s')),
      'records-down': records('down', 'down'),
      full: lineTo(FULL),
      disk: lineTo(
        path.join(disk ?? folder, 'access.log'),
        '%REQ(:PATH)% padded to some length ------------------------------------------------------------\n',
      ),
    };
    return {
      listeners: Object.entries(listeners).map(([name, manager]) => httpListener(name, 'app', { manager })),
      clusters: [cluster('app', app), cluster('refuses', refusing), cluster('silent', silent, H2), cluster('down', down, H2)],
    };
  });
});

test('spans for a collector that is down, and for one that refuses them, are lost and counted', async () => {
  await ask(proxy, 'zipkin-down', 20);
  await proxy.untilStat(LOST, 20);
  assert.ok((await proxy.stat(/^tracing\.zipkin\.reports_failed:/)) > 0);
  await ask(proxy, 'zipkin-refuses', 20);
  await proxy.untilStat(LOST, 40);
  assert.ok((await proxy.stat(/^tracing\.zipkin\.reports_dropped:/)) > 0);
});

test('a collector that does not answer costs spans, and not more memory than so many', async () => {
  await ask(proxy, 'slow', 6000);
  // 16 reports of 5 to 256 spans are under way, 1024 spans wait behind them
  const [sent, dropped] = [
    await proxy.stat(/^tracing\.opentelemetry\.spans_sent:/),
    await proxy.stat(/^tracing\.opentelemetry\.spans_dropped:/),
  ];
  assert.ok(sent >= 16 * 5 && sent <= 16 * 256, `${sent} sent`);
  assert.equal(dropped, 6000 - 1024 - sent);
});

test('reports that take too long are given up', async () => {
  await ask(proxy, 'late', 20);
  await proxy.untilStat(/^tracing\.opentelemetry\.spans_lost:/, 20);
});

test('log records for a collector that is down are lost and counted', async () => {
  await ask(proxy, 'records-down', 20);
  await proxy.untilStat(/^access_logs\.open_telemetry_access_log\.down\.logs_dropped:/, 20);
});

test('lines for a full disk are lost and counted', { skip: !existsSync(FULL) && `there is no ${FULL}` }, async () => {
  const before = await proxy.stat(DROPPED);
  await ask(proxy, 'full', 20);
  await proxy.untilStat(DROPPED, before + 20);
});

test('a disk that gets full, and room again, has whole lines and as many as are not counted as lost', async (t) => {
  if (disk === undefined) return t.skip('no file system can be mounted here');
  const before = await proxy.stat(DROPPED);
  const file = path.join(disk, 'access.log');
  const ballast = path.join(disk, 'ballast');
  writeFileSync(ballast, 'x'.repeat(8 * 1024));
  const lines = (): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
  await ask(proxy, 'disk', 400);
  await until(async () => (await proxy.stat(DROPPED)) > before);
  rmSync(ballast);
  await ask(proxy, 'disk', 10, '/after');
  await until(() => lines().filter((line) => line.startsWith('/after')).length === 10);
  const lost = (await proxy.stat(DROPPED)) - before;
  const whole = lines().filter((line) => line.startsWith('/x') && line.endsWith('--'));
  assert.ok(lost > 0);
  assert.equal(whole.length + lost, 400);
});

test('what waits for its collector when a proxy ends is sent before', async () => {
  const app = await serve(
    lifetime,
    http.createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('ok')),
  );
  let text = '';
  const collector = await serve(
    lifetime,
    http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => response.writeHead(202).end());
    }),
  );
  // fewer spans than are sent by themselves, and an hour until they would be
  const runtime = { layers: [{ name: 'base', static_layer: { 'tracing.zipkin.flush_interval_ms': 3_600_000 } }] };
  const ending = await startStaticProxy(
    lifetime,
    () => ({
      listeners: [httpListener('ending', 'app', { manager: traced(zipkin('collector')) })],
      clusters: [cluster('app', app), cluster('collector', collector)],
    }),
    { more: { layered_runtime: runtime } },
  );
  await ask(ending, 'ending', 3);
  assert.equal(text, '');
  assert.equal(await ending.end('SIGTERM'), 0);
  assert.equal((JSON.parse(text) as unknown[]).length, 3);
});

test('a clock that jumps makes no negative time, and no time that was not', async () => {
  const app = await serve(
    lifetime,
    http.createServer({ keepAliveTimeout: 0 }, (_, response) => setTimeout(() => response.end('ok'), 20)),
  );
  let spans: { duration: number }[] = [];
  const collector = await serve(
    lifetime,
    http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        spans = spans.concat(JSON.parse(text) as typeof spans);
        response.writeHead(202).end();
      });
    }),
  );
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-clock-'));
  lifetime.after(() => rmSync(folder, { recursive: true }));
  const [jumps, lines] = [path.join(folder, 'jumps.cjs'), path.join(folder, 'access.log')];
  writeFileSync(jumps, 'const now = Date.now; let calls = 0; Date.now = () => now() + ((++calls % 3) - 1) * 3600_000;');
  const jumping = await startStaticProxy(
    lifetime,
    () => {
      const log = lineTo(lines, '%DURATION% %RESPONSE_DURATION% %COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%\n');
      return {
        listeners: [httpListener('jumping', 'app', { manager: { ...traced(zipkin('collector')), ...log } })],
        clusters: [cluster('app', app), cluster('collector', collector)],
      };
    },
    { env: { NODE_OPTIONS: `--require ${jumps}` } },
  );
  await ask(jumping, 'jumping', 20);
  await until(() => spans.length === 20);
  assert.equal(await jumping.end('SIGTERM'), 0);
  const durations = readFileSync(lines, 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => line.split(' ').map(Number));
  assert.equal(durations.length, 60);
  for (const each of durations) assert.ok(each >= 0 && each < 60_000_000, String(each));
  // microseconds
  for (const { duration } of spans) assert.ok(duration > 0 && duration < 60_000_000, String(duration));
});
