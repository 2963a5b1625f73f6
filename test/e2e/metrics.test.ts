/**
 * What proxies count, all the way: to the control plane's golden signals, and to a real Prometheus, whose answers are
 * checked against the requests that were sent; and every query of the dashboards for Grafana on that Prometheus.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ask } from '../../src/cli/demo/client.ts';
import { DASHBOARDS } from '../../src/cli/grafana/index.ts';
import type { SignalRow, SignalSeries } from '../../src/model/signals.ts';
import { freePort } from '../interop/envoy-process.ts';
import { root, TestMesh } from './harness.ts';
import { denyAll, member, service } from './mesh-documents.ts';
import { prometheusMissing, PrometheusProcess } from './prometheus-process.ts';
import { fetchThrough } from './through-proxy.ts';

/** What the dashboards have to choose from: who only calls, who is only called, what only speaks TCP. */
const CHOICES = [
  ['Tulle / Workload', 'workload', 'client'],
  ['Tulle / Workload', 'workload', 'cart'],
  ['Tulle / Workload', 'workload', 'db'],
  ['Tulle / Workload', 'namespace', 'shop'],
  ['Tulle / Service', 'service', 'db.shop.svc.cluster.local'],
] as const;

/** A gRPC server of one method: as many messages back as came, and a status where it is asked for. */
const QUOTES = `import http2 from 'node:http2';
http2.createServer().on('stream', (stream, headers) => {
  const status = headers[':path'].endsWith('/Fail') ? '13' : '0';
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
  stream.pipe(stream);
}).listen(Number(process.env.PORT), process.env.HOST);
`;
const DB = `import net from 'node:net';
net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(Number(process.env.PORT), process.env.HOST);
`;

const server = (name: string, port: string, command: string): string =>
  `${member(
    name,
    `ports: [{ name: ${port}, port: 8080, protocol: ${port} }], command: [node, ${command}], env: { NAME: ${name} }, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }`,
  )}${service(name, `{ name: ${port}, port: 8080 }`)}`;

const meshYaml = (quotesPort: number, dbPort: number): string => `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec:
  extensionProviders:
    - { name: otel, opentelemetry: { service: collector.shop.svc.cluster.local, port: 8080, http: { path: /v1/traces } } }
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: traced, namespace: shop }
spec: { tracing: [{ providers: [{ name: otel }], randomSamplingPercentage: 100 }] }
---
${member('client', `command: [sleep, "100000"], upstreams: [{ host: quotes, port: 8080, localPort: ${quotesPort} }, { host: db, port: 8080, localPort: ${dbPort} }]`)}
${server('cart', 'http', '../echo.mjs')}
${server('vault', 'http', '../echo.mjs')}
${server('collector', 'http', '../echo.mjs')}
${server('quotes', 'grpc', 'quotes.mjs')}
${server('db', 'tcp', 'db.mjs')}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: cart, namespace: shop }
spec:
  hosts: [cart]
  http:
    - { name: slow, match: [{ uri: { prefix: /slow } }], route: [{ destination: { host: cart } }] }
    - { route: [{ destination: { host: cart } }] }
---
${denyAll('vault')}`;

let mesh: TestMesh;
let adminPort: number;
let ports: { readonly quotes: number; readonly db: number };
/** Requests to the cart that were answered, by status. */
const sent = new Map<number, number>();

async function cart(target: string): Promise<number> {
  const { status } = await fetchThrough(mesh, 'client', `http://cart:8080${target}`, {});
  sent.set(status, (sent.get(status) ?? 0) + 1);
  return status;
}

/** A call with `messages` messages of five bytes; resolves with its status. */
async function quote(method: string, messages: number): Promise<string> {
  const session = http2.connect(`http://127.0.0.1:${ports.quotes}`);
  session.on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': `/Quotes/${method}`, 'content-type': 'application/grpc', te: 'trailers' });
  let status = '';
  stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
  stream.resume();
  for (let i = 0; i < messages; i++) stream.write(Buffer.from([0, 0, 0, 0, 1, 65]));
  stream.end();
  await once(stream, 'close');
  session.close();
  return status;
}

async function talk(bytes: number): Promise<void> {
  const socket = net.connect(ports.db, '127.0.0.1');
  let left = bytes;
  socket.on('data', (data: Buffer) => {
    left -= data.length;
    if (left === 0) socket.end();
  });
  socket.write(Buffer.alloc(bytes));
  await once(socket, 'close');
  assert.equal(left, 0);
}

async function tulle(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, 'bin/tulle.js'), ...args]);
  return stdout;
}

before(async () => {
  adminPort = await freePort();
  ports = { quotes: await freePort(), db: await freePort() };
  mesh = TestMesh.start('explicit', {
    files: { 'mesh.yaml': meshYaml(ports.quotes, ports.db), 'quotes.mjs': QUOTES, 'db.mjs': DB },
    flags: ['--admin-address', `127.0.0.1:${adminPort}`],
  });
  await mesh.ready('cart', 'vault', 'quotes', 'db', 'collector');
  await mesh.until('a call of each', async () => {
    if ((await cart('/')) !== 200 || (await quote('Get', 1)) !== '0') return false;
    await talk(10);
    return true;
  });
  for (let i = 0; i < 30; i++) assert.equal(await cart('/'), 200);
  for (let i = 0; i < 10; i++) assert.equal(await cart('/fail'), 500);
  for (let i = 0; i < 5; i++) assert.equal((await fetchThrough(mesh, 'client', 'http://vault:8080/', {})).status, 403);
  for (let i = 0; i < 3; i++) assert.equal(await quote('Get', 4), '0');
  assert.equal(await quote('Fail', 1), '13');
});
after(() => mesh.stop());

async function signals(query: string): Promise<readonly SignalRow[]> {
  return (await mesh.admin<{ rows: SignalRow[] }>(`/api/signals?${query}`)).rows;
}

// each proxy tells of its counters by itself, some seconds after: every row may be the last that becomes right
test('golden signals are what was sent: rates, failures, denials and identities', { timeout: 180_000 }, async () => {
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
  const failed = [...sent].reduce((sum, [status, count]) => sum + (status >= 500 ? count : 0), 0);
  await mesh.settles('signals of edges', async () => {
    const rows = await signals('by=edge&window=5m');
    const to = (name: string): SignalRow | undefined => rows.find(({ destination }) => destination === `shop/${name}`);
    const row = to('cart');
    assert.deepEqual(
      [row?.source, row?.service, row?.protocol, row?.mutualTlsRatio, row?.sourcePrincipal, row?.destinationPrincipal],
      [
        'shop/client',
        'cart.shop.svc.cluster.local',
        'http',
        1,
        'spiffe://cluster.local/ns/shop/sa/client',
        'spiffe://cluster.local/ns/shop/sa/cart',
      ],
    );
    assert.equal(row?.failureRatio, failed / total);
    assert.ok((row?.p50Ms ?? 0) > 0 && (row?.p99Ms ?? 0) >= (row?.p50Ms ?? 0));
    assert.deepEqual(
      [to('vault')?.source, to('vault')?.service, to('vault')?.deniedRatio],
      ['shop/client', 'vault.shop.svc.cluster.local', 1],
    );
    assert.ok((to('quotes')?.failureRatio ?? 0) > 0 && to('quotes')?.protocol === 'grpc');
    assert.ok((to('db')?.connectionsPerSecond ?? 0) > 0 && (to('db')?.bytesSentPerSecond ?? 0) > 0);
  });
  const stat = await tulle('stat', 'service/cart', '--window', '5m', '--state-dir', mesh.stateDir);
  assert.match(stat, new RegExp(`cart\\.shop +http +\\S+ +${((1 - failed / total) * 100).toFixed(1)}%`));
  assert.match(
    await tulle('edges', '--state-dir', mesh.stateDir),
    /shop\/client +shop\/vault +vault\.shop +shop\/client +shop\/vault +http +100%/,
  );
});

test('routes are told of by the resource that they were written in', { timeout: 180_000 }, async () => {
  await cart('/slow');
  await mesh.settles('both routes', async () => {
    const rows = await signals('by=route&window=5m');
    const names = rows.filter(({ service }) => service === 'cart.shop.svc.cluster.local').map(({ route }) => route);
    assert.ok(names.includes('VirtualService shop/cart, slow'), names.join('; '));
    assert.ok(
      names.some((name) => name?.startsWith('VirtualService shop/cart, spec.http[1]')),
      names.join('; '),
    );
  });
});

test('metrics are served with exemplars where that is asked for', { timeout: 180_000 }, async () => {
  const get = (accept: string) =>
    ask({ port: adminPort }, '/metrics/client-0.shop', { headers: { accept, host: `127.0.0.1:${adminPort}` } });
  const open = await get('application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
  assert.match(String(open.headers['content-type']), /^application\/openmetrics-text/);
  assert.match(open.text, /^istio_request_duration_milliseconds_bucket\{.*\} \d+ # \{trace_id="[0-9a-f]{32}"\} [\d.]+ [\d.]+$/m);
  assert.match(open.text, /# EOF\n$/);
  const text = await get('text/plain');
  assert.doesNotMatch(text.text, /trace_id|# EOF/);
});

test('PromQL says what was sent, and the dashboards have something to show', { skip: prometheusMissing, timeout: 180_000 }, async () => {
  const config = await tulle('prometheus-config', '--admin-address', `127.0.0.1:${adminPort}`, '--interval', '2s');
  const prometheus = await PrometheusProcess.start(config);
  let isLoading = true;
  try {
    const equals = (expr: string, want: number): Promise<boolean> =>
      mesh.until(`${expr} is ${want}`, async () => (await prometheus.number(expr)) === want);
    const CART = 'destination_workload="cart", source_workload="client"';
    for (const reporter of ['source', 'destination'])
      for (const [status, count] of sent)
        if (status < 502) await equals(`sum(istio_requests_total{reporter="${reporter}", ${CART}, response_code="${status}"})`, count);
    await equals('sum(istio_requests_total{reporter="destination", destination_workload="vault", response_code="403"})', 5);
    await equals('sum(tulle_denied_total{destination_workload="vault", policy=~".*nobody-may.*"})', 5);
    await equals('sum(istio_requests_total{reporter="source", grpc_response_status="13"})', 1);
    assert.equal(
      await prometheus.number(`count(istio_requests_total{reporter="destination", ${CART}, connection_security_policy!="mutual_tls"})`),
      Number.NaN,
    );
    // messages of gRPC, TCP: by both reporters, and the same; each is asked for anew, for each proxy is scraped by itself
    await mesh.settles('messages of both reporters', async () => {
      const messages = await prometheus.number('sum(istio_request_messages_total{reporter="destination"})');
      assert.ok(messages >= 3 * 4 + 1 + 1, `${messages} messages`);
      assert.equal(await prometheus.number('sum(istio_response_messages_total{reporter="source"})'), messages);
    });
    await mesh.settles('connections of both reporters', async () => {
      const opened = 'sum(istio_tcp_connections_opened_total{reporter="source", destination_service_name="db"})';
      const connections = await prometheus.number(opened);
      assert.ok(connections >= 1, `${connections} connections`);
      const bytes = 'sum(istio_tcp_received_bytes_total{reporter="destination", destination_workload="db"})';
      assert.equal(await prometheus.number(bytes), connections * 10);
    });
    const load = (async () => {
      for (let i = 0; isLoading; i++) {
        await cart(i % 5 === 0 ? '/fail' : '/');
        if (i % 10 === 0) await quote(i % 20 === 0 ? 'Fail' : 'Get', 1);
        await sleep(20);
      }
    })();
    await mesh.until('a rate', async () => (await prometheus.number('sum(rate(istio_requests_total{reporter="destination"}[12s]))')) > 0);
    const p50 = await mesh.until('a median', async () => {
      const value = await prometheus.number(
        'histogram_quantile(0.5, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="source", destination_workload="cart"}[12s])))',
      );
      return Number.isFinite(value) && value;
    });
    assert.ok(p50 > 0, `p50 is ${p50} ms`);
    for (const { title, rows } of DASHBOARDS) {
      for (const panel of rows.flatMap(({ panels }) => panels)) {
        for (const { expr, mayBeEmpty } of panel.queries) {
          const query = expr.replaceAll('$__rate_interval', '12s').replaceAll(/\$(?:service|namespace|workload)/g, '.*');
          await mesh.until(`${title}, ${panel.title}: ${expr}`, async () => {
            const samples = await prometheus.query(query);
            return mayBeEmpty === true || samples.some(({ value }) => Number.isFinite(value));
          });
        }
      }
    }
    // as tulle stat has it: a call that fails by its gRPC status alone has failed
    const failures = DASHBOARDS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels)).find(
      (panel) => panel.title === 'Failures by service',
    );
    const failed = failures?.queries[0]?.expr.replaceAll('$__rate_interval', '12s') ?? '';
    await mesh.until('failures of gRPC among failures', async () =>
      (await prometheus.query(failed)).some(
        ({ metric, value }) => metric['destination_service']?.startsWith('quotes.') === true && value > 0,
      ),
    );
    for (const [title, name, choice] of CHOICES) {
      const variable = DASHBOARDS.find((each) => each.title === title)?.variables.find((each) => each.name === name);
      const query = variable?.expr.replaceAll(/\$(?:namespace)/g, '.*') ?? '';
      await mesh.until(`${title}, ${name}: ${choice}`, async () =>
        (await prometheus.query(query)).some(({ metric }) => metric[variable?.choice ?? ''] === choice),
      );
    }
    isLoading = false;
    await load;
  } finally {
    isLoading = false;
    await prometheus.stop();
  }
});

test('history has the same over time', { timeout: 180_000 }, async () => {
  const series = await mesh.until('a step that is over', async () => {
    await cart('/');
    const { series: found } = await mesh.admin<{ series: SignalSeries[] }>(
      '/api/signals/history?by=edge&key=shop/client>shop/cart&window=1m',
    );
    return found[0]?.requestsPerSecond.some((rate) => rate > 0) === true && found;
  });
  assert.equal(series.length, 1);
  // a value for each ten seconds of the minute that there was something to count
  const steps = series[0]?.requestsPerSecond.length ?? 0;
  assert.ok(steps >= 1 && steps <= 6, `${steps} steps`);
});
