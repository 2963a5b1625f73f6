/** EnvoyFilters that people have, in a running mesh of our own proxies: what each promises is what requests get. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { request } from 'node:http';
import { TestMesh } from './harness.ts';
import { httpProxyPort } from './through-proxy.ts';

const workload = (name: string, more: string): string => `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { serviceAccount: ${name}, ${more} }
---`;

const server = (name: string): string =>
  `${workload(
    name,
    `ports: [{ name: http, port: 8080, protocol: http }], command: [node, ../echo.mjs], env: { NAME: ${name} }, readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }`,
  )}
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---`;

/** An EnvoyFilter for one workload. */
const filter = (name: string, app: string, patches: string): string => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: ${name}, namespace: shop }
spec:
  priority: 1
  workloadSelector: { labels: { app: ${app} } }
  configPatches:${patches}
---`;

const TYPE = 'type.googleapis.com/envoy.extensions';
const MANAGER = 'envoy.filters.network.http_connection_manager';

/** A patch that puts an HTTP filter before the router of the workload's port. */
const beforeRouter = (name: string, config: string): string => `
    - applyTo: HTTP_FILTER
      match:
        context: SIDECAR_INBOUND
        listener: { portNumber: 8080, filterChain: { filter: { name: ${MANAGER}, subFilter: { name: envoy.filters.http.router } } } }
      patch: { operation: INSERT_BEFORE, value: { name: ${name}, typed_config: ${config} } }`;

const LIMIT = beforeRouter(
  'envoy.filters.http.local_ratelimit',
  `{ '@type': ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit, token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: 3600s }, filter_enabled: { default_value: { numerator: 100 } }, filter_enforced: { default_value: { numerator: 100 } } }`,
);

const MUTATION = beforeRouter(
  'envoy.filters.http.header_mutation',
  `{ '@type': ${TYPE}.filters.http.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [{ append: { header: { key: x-asked-by, value: mesh }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } }], response_mutations: [{ append: { header: { key: x-answered-by, value: mesh } } }] } }`,
);

const GZIP = beforeRouter(
  'envoy.filters.http.compressor',
  `{ '@type': ${TYPE}.filters.http.compressor.v3.Compressor, response_direction_config: { common_config: { min_content_length: 30, content_type: [application/json] } }, compressor_library: { name: gzip, typed_config: { '@type': ${TYPE}.compression.gzip.compressor.v3.Gzip } } }`,
);

const IDLE = `
    - applyTo: NETWORK_FILTER
      match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: ${MANAGER} } } } }
      patch:
        operation: MERGE
        value: { typed_config: { '@type': ${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager, stream_idle_timeout: 1s } }`;

const LOG = `
    - applyTo: NETWORK_FILTER
      match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: ${MANAGER} } } } }
      patch:
        operation: MERGE
        value:
          typed_config:
            '@type': ${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager
            access_log:
              - name: mine
                typed_config:
                  '@type': ${TYPE}.access_loggers.file.v3.FileAccessLog
                  path: LOG_FILE
                  log_format: { text_format_source: { inline_string: "%REQ(:PATH)% %RESPONSE_CODE%\\n" } }`;

const AUTHORIZATION = `
    - applyTo: CLUSTER
      match: { context: SIDECAR_INBOUND }
      patch:
        operation: ADD
        value:
          name: asked
          type: STATIC
          connect_timeout: 1s
          load_assignment: { cluster_name: asked, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ASKED_PORT } } } }] }] }
${beforeRouter(
  'envoy.filters.http.ext_authz',
  `{ '@type': ${TYPE}.filters.http.ext_authz.v3.ExtAuthz, http_service: { server_uri: { uri: 'http://asked', cluster: asked, timeout: 2s }, authorization_request: { allowed_headers: { patterns: [{ exact: x-delay-ms }] } } } }`,
)}`;

const KEEPALIVE = `
    - applyTo: CLUSTER
      match: { context: SIDECAR_OUTBOUND, cluster: { service: plain.shop.svc.cluster.local } }
      patch: { operation: MERGE, value: { upstream_connection_options: { tcp_keepalive: { keepalive_time: 77 } } } }`;

const PER_ROUTE = `
    - applyTo: HTTP_ROUTE
      match: { context: SIDECAR_OUTBOUND, routeConfiguration: { portNumber: 80, vhost: { name: 'plain.shop.svc.cluster.local:80' } } }
      patch:
        operation: INSERT_FIRST
        value:
          name: teapot
          match: { prefix: /teapot }
          route: { cluster: outbound|80||plain.shop.svc.cluster.local }
          typed_per_filter_config: { envoy.filters.http.fault: { '@type': ${TYPE}.filters.http.fault.v3.HTTPFault, abort: { http_status: 418, percentage: { numerator: 100 } } } }`;

const LUA = beforeRouter('lua', `{ '@type': ${TYPE}.filters.http.lua.v3.Lua, default_source_code: { inline_string: '' } }`);

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

describe('EnvoyFilters', () => {
  let mesh: TestMesh;

  function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    return httpProxyPort(mesh, 'client').then(
      (port) =>
        new Promise<Answered>((resolve, reject) => {
          const sent = request({ host: '127.0.0.1', port, path: url, headers: { ...headers, host: new URL(url).host } }, (answer) => {
            const chunks: Buffer[] = [];
            answer.on('data', (chunk: Buffer) => chunks.push(chunk));
            answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }));
            answer.on('error', reject);
          });
          sent.on('error', reject).end();
        }),
    );
  }

  const logFile = (): string => path.join(mesh.stateDir, 'mine.log');

  before(async () => {
    const names = ['limited', 'changed', 'idle', 'guarded', 'plain', 'judge'];
    mesh = TestMesh.start('explicit', {
      files: { 'mesh.yaml': `${names.map(server).join('')}${workload('client', 'command: [sleep, "100000"]')}` },
    });
    await mesh.ready(...names, 'client');
    const [judge] = await mesh.instances('judge');
    const asked = judge?.ports[0]?.listen ?? 0;
    const filters = [
      filter('limit', 'limited', LIMIT),
      filter('mutation', 'changed', MUTATION + GZIP),
      filter('idle', 'idle', IDLE + LOG.replace('LOG_FILE', logFile())),
      filter('authorization', 'guarded', AUTHORIZATION.replace('ASKED_PORT', String(asked))),
      filter('client', 'client', KEEPALIVE + PER_ROUTE),
    ];
    mesh.write('filters.yaml', filters.join(''));
    await mesh.until('the last filter is in force', async () => (await ask('http://plain/teapot')).status === 418);
  });

  after(() => mesh.stop());

  test('a local rate limit', async () => {
    await mesh.until('limited', async () => (await ask('http://limited/')).status === 429);
  });

  // each proxy takes its filters over by itself: the others may come later than the one that was waited for
  test('headers are changed, and answers compressed', async () => {
    await mesh.settles('changed', async () => {
      const answer = await ask('http://changed/', { 'accept-encoding': 'gzip' });
      assert.equal(answer.headers['x-answered-by'], 'mesh');
      assert.equal(answer.headers['content-encoding'], 'gzip');
      const { headers } = JSON.parse(gunzipSync(answer.body).toString());
      assert.equal(headers['x-asked-by'], 'mesh');
    });
  });

  test('another idle timeout of streams, and another access log', async () => {
    await mesh.settles('idle', async () => {
      assert.equal((await ask('http://idle/quick')).status, 200);
      assert.equal((await ask('http://idle/slow', { 'x-delay-ms': '5000' })).status, 504);
    });
    await mesh.until('logged', () => readFileSync(logFile(), 'utf8').includes('/slow 504'));
    assert.match(readFileSync(logFile(), 'utf8'), /^\/quick 200$/m);
  });

  test('another service is asked, by a cluster that came along', async () => {
    await mesh.settles('guarded', async () => {
      assert.equal((await ask('http://guarded/')).status, 200);
      assert.equal((await ask('http://guarded/fail')).status, 403);
    });
  });

  test('keepalive of a cluster, and a fault of a route', async () => {
    const [client] = await mesh.instances('client');
    // the proxy has clusters that were called
    assert.equal((await ask('http://plain/')).status, 200);
    await mesh.settles('keepalive', async () => {
      const { text } = await mesh.proxy(client?.id ?? '', '/config_dump');
      assert.match(text, /"keepalive_time":\s*77/);
    });
  });

  test('virtual clusters, and one that the proxy refuses: it stands in its dump, and the former configuration goes on', async () => {
    const virtual = (matcher: string): string => `
    - applyTo: VIRTUAL_HOST
      match: { context: SIDECAR_INBOUND }
      patch: { operation: MERGE, value: { virtual_clusters: [{ name: reads, headers: [{ name: ':method', string_match: ${matcher} }] }] } }`;
    const [plain] = await mesh.instances('plain');
    const admin = async (target: string): Promise<string> => (await mesh.proxy(plain?.id ?? '', target)).text;
    mesh.write('virtual.yaml', filter('virtual', 'plain', virtual('{ exact: GET }')));
    await mesh.settles('counted', async () => {
      assert.equal((await ask('http://plain/')).status, 200);
      assert.match(await admin('/stats/prometheus'), /^envoy_vhost_vcluster_upstream_rq\{.*envoy_virtual_cluster="reads".*\} \d/m);
    });
    mesh.write('virtual.yaml', filter('virtual', 'plain', virtual("{ safe_regex: { regex: '(' } }")));
    await mesh.settles('refused', async () => {
      const { configs } = JSON.parse(await admin('/config_dump?resource=dynamic_listeners'));
      const refused = configs.find((each: { error_state?: object }) => each.error_state !== undefined);
      assert.match(refused?.error_state.details, /virtual_clusters\[0\]\.headers\[0\]\.string_match/);
      assert.match(JSON.stringify(refused.error_state.failed_configuration), /"name":"reads"/);
    });
    const shown = spawnSync(process.execPath, ['bin/tulle.js', 'proxy-config', 'listeners', 'plain', '--state-dir', mesh.stateDir], {
      encoding: 'utf8',
    });
    assert.match(shown.stdout, /refused: .*virtual_clusters/);
    assert.equal((await ask('http://plain/')).status, 200);
    mesh.write('virtual.yaml', filter('virtual', 'plain', virtual('{ exact: POST }')));
    await mesh.settles('mended', async () => assert.doesNotMatch(await admin('/config_dump'), /error_state/));
  });

  test('Lua is refused by name, and the rest stays as it is', async () => {
    mesh.write('lua.yaml', filter('lua', 'plain', LUA));
    const { message } = await mesh.until('refused', async () => {
      const { diagnostics } = await mesh.admin<{ diagnostics: { message: string; resource?: string }[] }>('/api/diagnostics');
      return diagnostics.find(({ resource }) => resource === 'EnvoyFilter shop/lua');
    });
    assert.match(message, /Tulle does not have envoy\.extensions\.filters\.http\.lua\.v3\.Lua: .*header_mutation/);
    assert.equal((await ask('http://plain/')).status, 200);
  });
});
