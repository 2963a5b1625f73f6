/** A proxy from a static bootstrap, on loopback: HTTP, TCP, admin interface, drain, and what it refuses. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../net/testing/port-of.ts';
import { reportBug } from '../core/bugs.ts';
import { createLog } from '../core/log.ts';
import { parseBootstrap } from './config/bootstrap.ts';
import { type RunningProxy, startProxy, validateBootstrap } from './main.ts';

const log = createLog(() => {}, Date.now, 'off');
const upstream = http.createServer((request, response) =>
  response.end(`${request.method} ${request.url} ${String(request.headers['x-who'] ?? '-')}`),
);
let upstreamPort = 0;

before(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  upstreamPort = portOf(upstream);
});
after(() => {
  upstream.closeAllConnections();
  upstream.close();
});

const loopback = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const filter = (name: string, type: string, config: JsonObject): JsonObject => ({
  name,
  typed_config: { '@type': `type.googleapis.com/${type}`, ...config },
});

const routes: JsonObject[] = [
  { match: { path: '/redirect' }, redirect: { https_redirect: true, host_redirect: 'secure' } },
  { match: { path: '/direct' }, direct_response: { status: 418, body: { inline_string: 'teapot' } } },
  { match: { prefix: '/none' }, route: { cluster: 'none', cluster_not_found_response_code: 'NOT_FOUND' } },
  {
    match: { safe_regex: { regex: '(?i)/api/(x|y)*' } },
    route: { cluster: 'app', prefix_rewrite: '/v1' },
    request_headers_to_add: [{ header: { key: 'x-who', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } }],
    response_headers_to_add: [{ header: { key: 'x-route', value: '%RESPONSE_CODE% %ROUTE_NAME%' } }],
    name: 'api',
  },
];

const router = filter('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {});

function listener(name: string, port: number, ...filters: JsonObject[]): JsonObject {
  return { name, address: loopback(port), filter_chains: [{ filters }] };
}

const hcm = (more: JsonObject = {}): JsonObject =>
  filter(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'web',
      http_filters: [router],
      route_config: { name: 'local', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      ...more,
    },
  );

const tcp = filter('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
  stat_prefix: 'tcp',
  cluster: 'app',
});

function bootstrap(listeners: JsonObject[]) {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: loopback(upstreamPort) } }] }];
  return parseBootstrap({
    node: { id: 'test' },
    admin: { address: loopback(0) },
    static_resources: { listeners, clusters: [{ name: 'app', type: 'STATIC', load_assignment: { cluster_name: 'app', endpoints } }] },
  });
}

async function withProxy(
  listeners: JsonObject[],
  use: (proxy: RunningProxy, urlOf: (name: string) => string) => Promise<void>,
): Promise<void> {
  const proxy = await startProxy({ bootstrap: bootstrap(listeners), log, version: 'test', drainMs: 5000 });
  try {
    await proxy.ready;
    await use(proxy, (name) => {
      const address = name === 'admin' ? proxy.adminAddress : proxy.listeners().find((each) => each.name === name)?.addresses[0];
      return `http://127.0.0.1:${address?.port ?? 0}`;
    });
  } finally {
    await proxy.close();
  }
}

test('HTTP by routes, TCP, and the admin interface', async () => {
  await withProxy([listener('web', 0, hcm()), listener('tcp', 0, tcp)], async (proxy, urlOf) => {
    const get = async (path: string) => {
      const response = await fetch(urlOf('web') + path, { redirect: 'manual' });
      return {
        status: response.status,
        location: response.headers.get('location'),
        route: response.headers.get('x-route'),
        body: await response.text(),
      };
    };
    assert.deepEqual(await get('/API/xy?q'), { status: 200, location: null, route: '200 api', body: 'GET /v1?q 127.0.0.1' });
    assert.deepEqual(await get('/redirect?a'), { status: 301, location: 'https://secure/redirect?a', route: null, body: '' });
    assert.deepEqual(await get('/direct'), { status: 418, location: null, route: null, body: 'teapot' });
    assert.equal((await get('/none')).status, 404);
    assert.equal((await get('/nothing')).status, 404);
    assert.equal(await (await fetch(`${urlOf('tcp')}/t`)).text(), 'GET /t -');
    assert.equal(await (await fetch(`${urlOf('admin')}/ready`)).text(), 'LIVE\n');
    assert.match(await (await fetch(`${urlOf('admin')}/clusters`)).text(), /^app::127\.0\.0\.1:\d+::/m);
    assert.match(await (await fetch(`${urlOf('admin')}/config_dump`)).text(), /"virtual_hosts"/);
    assert.equal(proxy.state(), 'LIVE');
  });
});

test('an exception that nobody expected is counted and survived', async () => {
  await withProxy([listener('web', 0, hcm())], async (_proxy, urlOf) => {
    reportBug(new Error('unexpected'));
    assert.match(await (await fetch(`${urlOf('admin')}/stats?filter=bug_total`)).text(), /^bug_total: 1$/m);
    assert.equal((await fetch(`${urlOf('web')}/direct`)).status, 418);
  });
});

test('draining accepts no more and waits for what is under way', async () => {
  await withProxy([listener('tcp', 0, tcp)], async (proxy, urlOf) => {
    const { port } = new URL(urlOf('tcp'));
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.write('GET /held HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    let isDrained = false;
    const drained = proxy.drain().then(() => (isDrained = true));
    await assert.rejects(fetch(urlOf('admin').replace(/\d+$/, port)));
    assert.deepEqual([proxy.state(), isDrained], ['DRAINING', false]);
    socket.end();
    await drained;
  });
});

test('a port in use, and configuration that cannot be obeyed, are told by their field', async () => {
  const taken = await startProxy({ bootstrap: bootstrap([listener('web', upstreamPort, tcp)]), log, version: 'test' });
  await assert.rejects(
    taken.ready,
    /static_resources\.listeners\[0\]\.address: cannot listen on 127\.0\.0\.1:\d+: the address is already in use/,
  );
  await taken.close();
  const bad = bootstrap([listener('web', 0, router)]);
  await assert.rejects(
    validateBootstrap(bad, log),
    /^ConfigError: static_resources\.listeners\[0\]\.filter_chains\[0\]\.filters\[0\]\.typed_config: \S+Router is not a supported network filter/,
  );
  await validateBootstrap(bootstrap([listener('web', 0, hcm())]), log);
});

const lines = (more: JsonObject = {}): JsonObject => ({
  access_log: [
    {
      ...filter('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: '/dev/null' }),
      ...more,
    },
  ],
});
const entries = {
  access_log: [
    filter('envoy.access_loggers.http_grpc', 'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', {
      common_config: { log_name: 'x', grpc_service: { envoy_grpc: { cluster_name: 'app' } }, transport_api_version: 'V3' },
    }),
  ],
};
const spans = {
  tracing: {
    provider: filter('envoy.tracers.opentelemetry', 'envoy.config.trace.v3.OpenTelemetryConfig', {
      grpc_service: { envoy_grpc: { cluster_name: 'app' } },
    }),
  },
};
const TELLING: readonly (readonly [name: string, manager: JsonObject, isTold: boolean])[] = [
  ['nothing', {}, false],
  ['a line for every request', lines(), true],
  ['a line for some', lines({ filter: { not_health_check_filter: {} } }), false],
  ['entries for a service, which chooses itself', entries, false],
  ['traces that nobody collects', { tracing: {} }, false],
  ['spans', spans, true],
];

for (const [name, manager, isTold] of TELLING) {
  test(`who starts a proxy ${isTold ? 'hears' : 'does not hear'} that it tells of every request: ${name}`, async () => {
    let told = 0;
    const options = { bootstrap: bootstrap([listener('web', 0, hcm(manager))]), log, version: 'test', onTellsOfAll: () => told++ };
    const proxy = await startProxy(options);
    await proxy.ready;
    await proxy.close();
    assert.equal(told > 0, isTold);
  });
}
