/**
 * Spans and log records of a running mesh in OpenTelemetry's own receivers: two proxies and an application between them
 * that passes on what it is told to. What it does not pass on is mended where that is safe.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Collector, type ReceivedSpan, startCollector } from '../interop/collector.ts';
import { collectorMissing } from '../interop/go-peers.ts';
import { TestMesh } from './harness.ts';
import { serverSpec, service, workload } from './mesh-documents.ts';
import { fetchThrough } from './through-proxy.ts';

/** Answers what `back` does to a call with those of its own headers that `carry` names; of `/pair` two calls wait for each other. */
const FRONT = `
const http = require('node:http');
let waiting = [];
const call = (path, headers) => new Promise((resolve) => http.get('http://back:8080' + path, { headers }, (r) => {
  let text = ''; r.on('data', (c) => (text += c)).on('end', () => resolve(text)); }));
http.createServer({ keepAliveTimeout: 0 }, async (q, r) => {
  const url = new URL(q.url, 'http://front');
  if (url.pathname === '/healthz') return r.end();
  if (url.pathname.startsWith('/pair')) {
    const both = new Promise((go) => waiting.push(go));
    if (waiting.length === 2) for (const go of waiting.splice(0)) go();
    await both;
  }
  const carried = (url.searchParams.get('carry') ?? '').split(',').filter((name) => q.headers[name] !== undefined);
  r.end(await call(url.pathname + url.search, Object.fromEntries(carried.map((name) => [name, q.headers[name]]))));
}).listen(process.env.PORT || 8080);
`;

const server = (name: string, command?: string): string => `${workload(name, serverSpec(name, command))}${service(name)}`;

const outside = (name: string, address: string, protocol: string): string => {
  const port = address.split(':')[1];
  // by name: an endpoint at the address that all proxies here have would be taken for theirs
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.test]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{ number: 80, targetPort: ${port}, name: ${protocol}, protocol: ${protocol} }]
  endpoints: [{ address: localhost }]
---`;
};

type Provider = 'grpc' | 'http' | 'zipkin';

const meshYaml = ({ grpc, http, zipkin }: Collector, provider: Provider, sampling = 100, more = ''): string => `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec:
  extensionProviders:
    - { name: grpc, opentelemetry: { service: grpc.test, port: 80 } }
    - { name: http, opentelemetry: { service: http.test, port: 80, http: { path: /v1/traces } } }
    - { name: zipkin, zipkin: { service: zipkin.test, port: 80 } }
    - name: records
      envoyOtelAls: { service: grpc.test, port: 80, logFormat: { text: 'LINE %REQ(:PATH)%', labels: { id: '%REQ(X-REQUEST-ID)%' } } }
  defaultProviders: { tracing: [${provider}], accessLogging: [envoy, records] }
  defaultConfig: { tracing: { sampling: ${sampling} } }
  accessLogOrigins: true
  ${more}
---
${outside('grpc', grpc, 'grpc')}
${outside('http', http, 'http')}
${outside('zipkin', zipkin, 'http')}
${workload('client', 'command: [sleep, "100000"]')}
${server('front', `[node, -e, ${JSON.stringify(FRONT)}]`)}
${server('back')}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: to-back, namespace: shop }
spec: { hosts: [back], http: [{ route: [{ destination: { host: back } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: none-of-that, namespace: shop }
spec:
  selector: { matchLabels: { app: back } }
  action: DENY
  rules: [{ to: [{ operation: { paths: [/denied] } }] }]
`;

const INFERRED = 'tulle.inferred_parent';
/** The client asks for a trace. */
const ASKED = { 'x-client-trace-id': 'mine' };
/** Answers take so long that two calls are under way at once. */
const SLOW = { 'x-delay-ms': '200' };

/** Spans behind those that they are below. */
function callersFirst(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  const depth = ({ parentId }: ReceivedSpan): number => {
    const parent = spans.find(({ spanId }) => spanId === parentId);
    return parent === undefined ? 0 : 1 + depth(parent);
  };
  return spans.toSorted((a, b) => depth(a) - depth(b));
}

suite('traces in a real collector', { skip: collectorMissing }, () => {
  let collector: Collector;
  let mesh: TestMesh;

  before(async () => {
    collector = await startCollector();
    mesh = TestMesh.start('explicit', { files: { 'mesh.yaml': meshYaml(collector, 'grpc') } });
    await mesh.ready('client', 'front', 'back');
    await mesh.until('the application answers', async () => (await ask('/first')).status === 200);
  });

  after(async () => {
    await mesh?.stop();
    await collector?.stop();
  });

  const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    fetchThrough(mesh, 'client', `http://front:8080${path}`, { headers });

  /** All spans of calls whose path is `path`; waits until there are `count`. */
  const spansOf = async (path: string, count: number): Promise<ReceivedSpan[]> => {
    const found = (): ReceivedSpan[] => collector.spans().filter(({ tags }) => tags['http.url']?.includes(path));
    await mesh.until(`${count} spans of ${path}`, () => found().length >= count);
    return callersFirst(found());
  };

  /** Checks the four spans of a call through `front` to `back`: each below the one before. */
  const checkChain = (spans: readonly ReceivedSpan[], inferredBy: string | undefined): void => {
    const [first, ...rest] = spans;
    assert.equal(spans.length, 4);
    assert.equal(first?.parentId, '');
    assert.deepEqual(
      spans.map(({ kind, service }) => `${kind} of ${service}`),
      ['client of client.shop', 'server of front.shop', 'client of front.shop', 'server of back.shop'],
    );
    let parent = first;
    for (const span of rest) {
      assert.equal(span.traceId, parent?.traceId);
      assert.equal(span.parentId, parent?.spanId);
      assert.ok(span.end >= span.start && span.end - span.start < 20_000_000_000n);
      parent = span;
    }
    assert.deepEqual(
      spans.map(({ tags }) => tags[INFERRED]),
      [undefined, undefined, inferredBy, undefined],
    );
  };

  const broken = async (outcome: string): Promise<number> => {
    const { text } = await mesh.proxy('front-0.shop', '/stats/prometheus');
    const line = text.split('\n').find((one) => one.startsWith('tulle_trace_broken_total') && one.includes(`outcome="${outcome}"`));
    return Number(line?.split(' ').at(-1) ?? 0);
  };

  /** Waits until all proxies trace by `provider`, also what comes on connections that were there before. */
  const switched = async (provider: Provider): Promise<void> => {
    let probes = 0;
    const isTold = (path: string): boolean => {
      const spans = collector.spans().filter(({ tags, receiver }) => receiver === provider && tags['http.url']?.endsWith(path));
      return spans.length === 4 && new Set(spans.map(({ traceId }) => traceId)).size === 1;
    };
    await mesh.until(`spans by ${provider}`, async () => {
      await ask(`/probe-${provider}-${++probes}`, ASKED);
      return Array.from({ length: probes }, (_, i) => `/probe-${provider}-${i + 1}`).some(isTold);
    });
  };

  const FIVE = ['a', 'b', 'c', 'd', 'e'];

  /** Calls one after the other, so many that proxies send the spans at once. */
  const five = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> => {
    for (const each of FIVE) await ask(`${path}-${each}`, headers);
  };

  test('what the application passes on is followed, and not inferred', async () => {
    await Promise.all(FIVE.map((each) => ask(`/followed-${each}?carry=traceparent,tracestate`, { baggage: 'user=7' })));
    checkChain(await spansOf('/followed-a', 4), undefined);
  });

  test('spans have the tags of Istio and Envoy', async () => {
    const [client, server] = await spansOf('/followed-b', 4);
    // a route's decorator names them, as istiod's do
    assert.equal(client?.name, 'front.shop.svc.cluster.local:8080/*');
    assert.equal(server?.name, 'front.shop.svc.cluster.local:8080/*');
    const want: Readonly<Record<string, RegExp>> = {
      component: /^proxy$/,
      'guid:x-request-id': /^[0-9a-f-]{36}$/,
      'http.method': /^GET$/,
      'http.protocol': /^HTTP/,
      'http.status_code': /^200$/,
      'istio.canonical_service': /./,
      'istio.cluster_id': /./,
      'istio.mesh_id': /./,
      'istio.namespace': /^shop$/,
      node_id: /^sidecar~/,
      'peer.address': /^127\.0\.0\.1$/,
      request_size: /^0$/,
      response_flags: /^-$/,
      response_size: /^[1-9]\d*$/,
      upstream_cluster: /^inbound\|8080\|\|/,
    };
    for (const [tag, pattern] of Object.entries(want)) assert.match(server?.tags[tag] ?? '(none)', pattern, tag);
    assert.equal(client?.tags['guid:x-request-id'], server?.tags['guid:x-request-id']);
  });

  test('what it does not pass on is mended where one request is under way', async () => {
    await five('/alone');
    checkChain(await spansOf('/alone-a', 4), 'in-flight');
    assert.ok((await broken('mended_in_flight')) >= 5);
  });

  test('of several under way the one whose id is carried is found, and nothing is guessed without', async () => {
    const pair = (name: string, carry: string) => Promise.all(['1', '2'].map((each) => ask(`/pair-${name}-${each}?carry=${carry}`, SLOW)));
    const left = await broken('left');
    await pair('by-id', 'x-request-id,x-delay-ms');
    await pair('unknown', 'x-delay-ms');
    await five('/flush');
    for (const each of ['1', '2']) checkChain(await spansOf(`/pair-by-id-${each}`, 4), 'request-id');
    const spans = await spansOf('/pair-unknown-1', 4);
    assert.equal(spans.filter(({ parentId }) => parentId === '').length, 2);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 2);
    assert.equal(
      spans.some(({ tags }) => INFERRED in tags),
      false,
    );
    assert.equal(await broken('left'), left + 2);
  });

  test('log records come with the ids of their spans', async () => {
    const found = () => collector.logs().filter(({ body }) => body.trim() === 'LINE /alone-a');
    await mesh.until('four records', () => found().length === 4);
    const spans = await spansOf('/alone-a', 4);
    assert.deepEqual(
      found()
        .map(({ spanId }) => spanId)
        .toSorted(),
      spans.map(({ spanId }) => spanId).toSorted(),
    );
    const record = found().find(({ spanId }) => spanId === spans[0]?.spanId);
    assert.equal(record?.attributes['id'], spans[0]?.tags['guid:x-request-id']);
  });

  test('lines say which resource decided', async () => {
    await ask('/told');
    await ask('/denied');
    const line = (instance: string, path: string) =>
      mesh
        .log(instance)
        .split('\n')
        .find((one) => one.includes(`"GET ${path} `));
    const told = await mesh.until('the line of the route', () => line('front-0.shop', '/told'));
    const denied = await mesh.until('the line of the denial', () => line('back-0.shop', '/denied'));
    assert.match(denied, /" 403 - rbac_access_denied_matched_policy\[.* "AuthorizationPolicy shop\/none-of-that mesh\.yaml:\d+"$/);
    const lines = [
      told,
      ...mesh
        .log('front-0.shop')
        .split('\n')
        .filter((one) => one.includes('"GET /told ')),
    ];
    assert.ok(
      lines.some((one) => /"VirtualService shop\/to-back mesh\.yaml:\d+"$/.test(one)),
      lines.join('\n'),
    );
  });

  test('of access logs a share is kept, and all that failed or was slow', async () => {
    mesh.write('mesh.yaml', meshYaml(collector, 'grpc', 100, 'accessLogSampling: { percentage: 0, slowerThan: 150ms }'));
    const lines = () => mesh.log('back-0.shop').split('\n');
    await mesh.until('what is fast and goes well is logged no more', async () => {
      const path = `/fast-${performance.now()}`;
      await ask(path);
      await ask('/denied');
      // lines come a second later, and this one behind the other
      const denied = lines().filter((line) => line.includes('/denied')).length;
      await mesh.until('a line', () => lines().filter((line) => line.includes('/denied')).length > denied);
      return !lines().some((line) => line.includes(path));
    });
    await ask('/slow?carry=x-delay-ms', SLOW);
    await mesh.until('the slow one', () => lines().some((line) => line.includes('/slow')));
  });

  test('OTLP goes over HTTP', async () => {
    mesh.write('mesh.yaml', meshYaml(collector, 'http'));
    await switched('http');
    await five('/http');
    const spans = await spansOf('/http-a', 4);
    checkChain(spans, 'in-flight');
    assert.deepEqual([...new Set(spans.map(({ receiver }) => receiver))], ['http']);
  });

  test('spans go to Zipkin, where the client asks for them, and B3 is mended too', async () => {
    mesh.write('mesh.yaml', meshYaml(collector, 'zipkin', 0));
    await switched('zipkin');
    await five('/zipkin', ASKED);
    const spans = await spansOf('/zipkin-a', 4);
    checkChain(spans, 'in-flight');
    assert.deepEqual([...new Set(spans.map(({ receiver }) => receiver))], ['zipkin']);
    await ask('/unsampled');
    await five('/later', ASKED);
    await spansOf('/later-a', 4);
    assert.equal(
      collector.spans().some(({ tags }) => tags['http.url']?.includes('/unsampled')),
      false,
    );
  });
});
