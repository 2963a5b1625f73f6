/**
 * Tracing: one bootstrap and one collector for each proxy; what upstreams and clients are told, and the spans that the
 * collector gets, must be the same but for ids and times, whose relations are compared instead.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { bytesOf } from '../../src/proxy/telemetry/byte-text.ts';
import { envoyBinary, envoyMissing } from '../interop/envoy-binary.ts';
import type { Setup, World } from './framework/bootstrap.ts';
import { createCertificates } from './framework/certificates.ts';
import { startCollector } from './framework/collector.ts';
import { talk } from './framework/h1-client.ts';
import { cluster, direct, h2Cluster, retry, to, type } from './framework/pieces.ts';
import { envoyCommand, type Proxy, startProxy, TULLE } from './framework/proxies.ts';
import { type Report, reportsOf } from './framework/spans.ts';
import { FOREVER } from './framework/wishes.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const PARENT = `traceparent: 00-${TRACE}-${SPAN}-01`;
/** Of these ids the first eight digits decide about shares. */
const idOf = (digits: string, reason = '4'): string => `x-request-id: ${digits}-0000-${reason}000-8000-000000000000`;

const tracer = (name: string, message: string, fields: JsonObject): JsonObject => ({
  name: `envoy.tracers.${name}`,
  typed_config: type(`envoy.config.trace.v3.${message}`, fields),
});
const grpc = (fields: JsonObject = {}): JsonObject =>
  tracer('opentelemetry', 'OpenTelemetryConfig', {
    grpc_service: { envoy_grpc: { cluster_name: 'collector' } },
    service_name: 'shop',
    ...fields,
  });
const http = (fields: JsonObject = {}): JsonObject =>
  tracer('opentelemetry', 'OpenTelemetryConfig', {
    http_service: {
      http_uri: { uri: 'http://traces.test/v1/traces', cluster: 'collector_http', timeout: '20s' },
      request_headers_to_add: [{ header: { key: 'x-token', value: 'secret' } }],
    },
    ...fields,
  });
const zipkin = (fields: JsonObject = {}): JsonObject =>
  tracer('zipkin', 'ZipkinConfig', {
    collector_cluster: 'collector_http',
    collector_endpoint: '/api/v2/spans',
    collector_endpoint_version: 'HTTP_JSON',
    ...fields,
  });

const TAGS: readonly JsonObject[] = [
  { tag: 'literal', literal: { value: 'said' } },
  { tag: 'environment', environment: { name: 'TULLE_NOT_SET', default_value: 'instead' } },
  { tag: 'nothing', environment: { name: 'TULLE_NOT_SET' } },
  { tag: 'header', request_header: { name: 'X-Tag', default_value: 'none' } },
  { tag: 'path', request_header: { name: ':path' } },
  { tag: 'absent', request_header: { name: 'x-absent' } },
  { tag: 'ofRoute', metadata: { kind: { route: {} }, metadata_key: { key: 'own', path: [{ key: 'a' }, { key: 'b' }] } } },
  {
    tag: 'ofRequest',
    metadata: { kind: { request: {} }, metadata_key: { key: 'own', path: [{ key: 'a' }] }, default_value: 'no metadata' },
  },
  { tag: 'whole', metadata: { kind: { route: {} }, metadata_key: { key: 'own', path: [{ key: 'a' }] } } },
];

const IN = { traffic_direction: 'INBOUND' };
// requests come in meanwhile, of which these could be a part
const OUT = { traffic_direction: 'OUTBOUND', metadata: { filter_metadata: { tulle: { traceMending: 'OFF' } } } };
const listener = (tracing: JsonObject, rest: JsonObject = IN, more: JsonObject = {}) => ({ manager: { tracing, ...more }, listener: rest });

/** `use_request_id_for_trace_sampling`, `pack_trace_reason`. */
const requestIds = (fields: JsonObject): JsonObject => ({
  request_id_extension: { typed_config: type('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', fields) },
});

const setup = ({ servers }: World): Setup => ({
  listeners: {
    in: listener({ provider: grpc() }),
    out: listener({ provider: grpc() }, OUT),
    spawn: listener({ provider: grpc(), spawn_upstream_span: true }, OUT),
    verbose: listener({ provider: grpc(), spawn_upstream_span: true, verbose: true }, OUT),
    http: listener({ provider: http() }),
    short: listener({ provider: grpc(), max_path_tag_length: 20 }),
    tags: listener({ provider: grpc(), custom_tags: [...TAGS], spawn_upstream_span: true }),
    half: listener({ provider: grpc(), random_sampling: { value: 50 } }),
    never: listener({ provider: grpc(), random_sampling: { value: 0 } }),
    capped: listener({ provider: grpc(), overall_sampling: { value: 10 }, client_sampling: { value: 0 } }),
    always: listener({
      provider: grpc({
        sampler: {
          name: 'always',
          typed_config: type('envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig'),
        },
      }),
    }),
    apart: listener({ provider: grpc(), random_sampling: { value: 0 } }, IN, requestIds({ use_request_id_for_trace_sampling: false })),
    unpacked: listener({ provider: grpc() }, IN, requestIds({ pack_trace_reason: false })),
    silent: listener({ provider: grpc(), no_context_propagation: true }),
    named: listener({
      provider: grpc(),
      spawn_upstream_span: true,
      operation: 'did %REQ(:METHOD)%',
      upstream_operation: 'asked %UPSTREAM_CLUSTER%',
    }),
    zipkin: listener({ provider: zipkin() }),
    zipkinNever: listener({ provider: zipkin(), random_sampling: { value: 0 } }),
    zipkinOut: listener({ provider: zipkin() }, OUT),
    zipkinApart: listener({ provider: zipkin({ shared_span_context: false, trace_id_128bit: true }), spawn_upstream_span: true }),
    zipkinSplit: listener({ provider: zipkin({ split_spans_for_request: true }) }, OUT),
    zipkinW3c: listener({ provider: zipkin({ trace_context_option: 'USE_B3_WITH_W3C_PROPAGATION', trace_id_128bit: true }) }),
    zipkinService: listener({
      provider: tracer('zipkin', 'ZipkinConfig', {
        collector_endpoint_version: 'HTTP_JSON',
        collector_service: { http_uri: { uri: 'http://zipkin.test/api/v2/other', cluster: 'collector_http', timeout: '20s' } },
      }),
    }),
  },
  routes: [
    to('/named', {}, { decorator: { operation: 'buy' } }),
    to('/quiet', {}, { decorator: { operation: 'buy', propagate: false } }),
    to('/rare', {}, { tracing: { client_sampling: {}, random_sampling: { numerator: 0 }, overall_sampling: { numerator: 100 } } }),
    to(
      '/tagged',
      {},
      {
        metadata: { filter_metadata: { own: { a: { b: 7 } } } },
        tracing: {
          client_sampling: { numerator: 100 },
          random_sampling: { numerator: 100 },
          overall_sampling: { numerator: 100 },
          custom_tags: [
            { tag: 'more', literal: { value: 'of the route' } },
            { tag: 'literal', literal: { value: 'by the route' } },
          ],
        },
      },
    ),
    to('/dead', { cluster: 'dead' }),
    to('/nowhere', { cluster: 'nowhere' }),
    to('/empty', { cluster: 'empty' }),
    to('/rewritten', { prefix_rewrite: '/elsewhere' }),
    retry('/again', '5xx', { num_retries: 1 }),
    to('/timeout', { timeout: '0.8s' }),
    direct('/direct', 200, 'hello'),
  ],
  clusters: [h2Cluster('collector', [servers['collector'] ?? 0]), cluster('collector_http', [servers['collectorHttp'] ?? 0])],
  bootstrap: {
    layered_runtime: {
      layers: [
        {
          name: 'static',
          static_layer: {
            tracing: { opentelemetry: { min_flush_spans: 2, flush_interval_ms: 50 } },
            'tracing.zipkin.min_flush_spans': 1,
          },
        },
      ],
    },
  },
});

interface Trial {
  readonly name: string;
  readonly listener: string;
  readonly path: string;
  readonly fields: readonly string[];
  /** How many spans there are of it. */
  readonly spans: number;
}

const trial = (name: string, on: string, path: string, spans: number, ...fields: readonly string[]): Trial => ({
  name,
  listener: on,
  path,
  fields,
  spans,
});

const TRIALS: readonly Trial[] = [
  trial('a trace begins', 'in', '/x?y=1', 1, 'user-agent: me', 'x-envoy-downstream-service-cluster: web'),
  trial('a trace begins towards others', 'out', '/x', 1),
  trial('a trace is continued', 'in', '/x', 1, PARENT, 'tracestate: a=b', 'baggage: c=d'),
  trial('a state in two lines', 'in', '/x', 1, PARENT, 'tracestate: a=b', 'tracestate: c=d'),
  trial('the caller does not sample', 'in', '/x', 0, PARENT.replace(/1$/, '0'), 'tracestate: a=b'),
  trial('a state without a parent', 'in', '/x', 1, 'tracestate: a=b'),
  trial('a parent that is none', 'in', '/x', 0, 'traceparent: bad'),
  trial('a parent of a later version', 'in', '/x', 1, PARENT.replace(' 00', ' 01')),
  trial('a parent with more behind', 'in', '/x', 0, `${PARENT}-more`),
  trial('a parent of zeros', 'in', '/x', 0, `traceparent: 00-${'0'.repeat(32)}-${SPAN}-01`),
  trial('a parent in capitals', 'in', '/x', 1, PARENT.toUpperCase().replace('TRACEPARENT', 'traceparent')),
  trial('B3 says nothing to OpenTelemetry', 'in', '/x', 1, `b3: ${TRACE}-${SPAN}-1`),
  trial('a client error to others', 'out', '/x', 1, 'x-do: status=404'),
  trial('a client error of ours', 'in', '/x', 1, 'x-do: status=404'),
  trial('a server error', 'in', '/x', 1, 'x-do: status=500'),
  trial('a response of our own', 'in', '/direct', 1, PARENT),
  trial('no cluster', 'in', '/nowhere', 1),
  trial('no hosts', 'spawn', '/empty', 1),
  trial('a host that is not there', 'spawn', '/dead', 2),
  trial('spans of attempts', 'spawn', '/x', 2, PARENT, 'tracestate: a=b'),
  trial('attempts with client errors', 'spawn', '/x', 2, 'x-do: status=404'),
  trial('one attempt after the other', 'spawn', '/again', 3, 'x-do: status=503'),
  trial('an attempt that takes too long', 'spawn', '/timeout', 2, `x-do: delay=${FOREVER}`),
  trial('an attempt that is reset', 'spawn', '/x', 2, 'x-do: reset=1'),
  trial('events', 'verbose', '/x', 2),
  trial('events without an upstream', 'verbose', '/direct', 1),
  trial('a decorator of ours', 'in', '/named', 1),
  trial('a decorator that is not told', 'in', '/quiet', 1),
  trial('a decorator for others', 'out', '/named', 1),
  trial('a decorator that is not told to others', 'out', '/quiet', 1),
  trial('an operation that the caller names', 'in', '/named', 1, 'x-envoy-decorator-operation: theirs'),
  trial('an operation that the caller names, empty', 'in', '/named', 1, 'x-envoy-decorator-operation:'),
  trial('an operation that the upstream names', 'out', '/x', 1, 'x-do: h=x-envoy-decorator-operation%3A%20sold'),
  trial('names by formats', 'named', '/x', 2),
  trial('names by formats and a decorator', 'named', '/named', 2),
  trial('a path that is cut', 'short', '/x?abcdefghijklmnopqrst', 1),
  trial('a path that was rewritten', 'in', '/rewritten/a', 1),
  trial('gRPC', 'in', '/x', 1, 'content-type: application/grpc', 'grpc-timeout: 1S', 'x-do: h=grpc-status%3A%2013'),
  trial('the client has a trace', 'in', '/x', 1, 'x-client-trace-id: abc'),
  trial('a share, in it', 'half', '/x', 1, idOf('00000001')),
  trial('a share, not in it', 'half', '/x', 0, idOf('0000270f')),
  trial('a share, but forced from outside', 'half', '/x', 0, idOf('0000270f'), 'x-envoy-force-trace: true'),
  trial('a share, but asked for', 'half', '/x', 1, idOf('0000270f'), 'x-client-trace-id: abc'),
  trial('a share, but sampled before', 'half', '/x', 1, idOf('0000270f', '9')),
  trial('a share, but forced before', 'half', '/x', 1, idOf('0000270f', 'a')),
  trial('an id of another form', 'in', '/x', 0, 'x-request-id: mine'),
  trial('an id that begins as one', 'in', '/x', 1, 'x-request-id: 00000001'),
  trial('nothing is sampled', 'never', '/x', 0, idOf('00000001')),
  trial('nothing is sampled, but the caller does', 'never', '/x', 0, PARENT),
  trial('Zipkin, nothing is sampled, but the caller does', 'zipkinNever', '/x', 1, `b3: ${TRACE}-${SPAN}-1`),
  trial('Zipkin, nothing is sampled, and the caller says nothing', 'zipkinNever', '/x', 0, `b3: ${TRACE}-${SPAN}`),
  trial('a cap, under it', 'capped', '/x', 1, idOf('00000001')),
  trial('a cap, over it', 'capped', '/x', 0, idOf('0000270f')),
  trial('a cap over what was sampled before', 'capped', '/x', 0, idOf('0000270f', '9')),
  trial('a share of the route', 'in', '/rare', 0),
  trial('a share of the route, but forced from outside', 'in', '/rare', 0, 'x-envoy-force-trace: 1'),
  trial('a sampler that takes all', 'always', '/x', 1, PARENT.replace(/1$/, '0')),
  trial('ids do not decide', 'apart', '/x', 1, idOf('0000270f')),
  trial('ids do not tell', 'unpacked', '/x', 1, idOf('00000001')),
  trial('nothing is told', 'silent', '/x', 1, PARENT),
  trial('tags', 'tags', '/tagged', 2, 'x-tag: mine'),
  trial('tags that are not ASCII', 'tags', '/tagged', 2, bytesOf('x-tag: grüße'), bytesOf('user-agent: 日本 🎉')),
  trial('a tag that is empty', 'tags', '/tagged', 2, 'x-tag:'),
  trial('an operation that the caller names, not ASCII', 'in', '/named', 1, bytesOf('x-envoy-decorator-operation: grüße')),
  trial('Zipkin, tags that are not ASCII', 'zipkin', '/x', 1, bytesOf('user-agent: grüße')),
  trial('tags without values', 'tags', '/x', 2),
  trial('OTLP by HTTP', 'http', '/x', 1),
  trial('Zipkin', 'zipkin', '/x', 1),
  trial('Zipkin towards others', 'zipkinOut', '/x', 1, `b3: ${TRACE}-${SPAN}-1`),
  trial('Zipkin, a shared span', 'zipkin', '/x', 1, `b3: ${TRACE}-${SPAN}-1`),
  trial(
    'Zipkin, several fields',
    'zipkin',
    '/x',
    1,
    `x-b3-traceid: ${SPAN}`,
    `x-b3-spanid: ${SPAN}`,
    `x-b3-parentspanid: ${SPAN}`,
    'x-b3-sampled: 1',
  ),
  trial('Zipkin, not sampled', 'zipkin', '/x', 0, 'b3: 0'),
  trial('Zipkin, sampled without a trace', 'zipkin', '/x', 1, 'x-b3-sampled: true'),
  trial('Zipkin, debug', 'zipkin', '/x', 1, `b3: ${TRACE}-${SPAN}-d-${SPAN}`),
  trial('Zipkin, a context that is none', 'zipkin', '/x', 0, 'b3: bad'),
  trial('Zipkin, no W3C', 'zipkin', '/x', 1, PARENT),
  trial('Zipkin, spans of its own', 'zipkinApart', '/x', 2, `b3: ${TRACE}-${SPAN}-1`),
  trial('Zipkin, a trace of its own', 'zipkinApart', '/named', 2),
  trial('Zipkin, split spans', 'zipkinSplit', '/x', 1),
  trial('Zipkin, W3C', 'zipkinW3c', '/x', 1, PARENT),
  trial('Zipkin, W3C begins', 'zipkinW3c', '/x', 1),
  trial('Zipkin as a service', 'zipkinService', '/x', 1),
];

/** How long spans may take. */
const POLLS = 60;
const POLL_MS = 50;

interface Side {
  readonly proxy: Proxy;
  readonly reports: ReadonlyMap<string, Report>;
}

const pathOf = (index: number): string => TRIALS[index]?.path ?? '';
const targetOf = (index: number): string => {
  const [path = '', query = ''] = pathOf(index).split('?');
  return `${path}?trial=${index}&${query}`;
};

async function runSide(proxy: Proxy, collector: Awaited<ReturnType<typeof startCollector>>): Promise<ReadonlyMap<string, Report>> {
  const answers = await Promise.all(
    TRIALS.map(async ({ listener: on, fields }, i) => {
      const head = [`GET ${targetOf(i)} HTTP/1.1`, 'host: shop.test', `x-case: trial-${i}`, ...fields, '', ''].join('\r\n');
      const { answers: all } = await talk(proxy.target(on), { pieces: [head], answers: 1, isHead: false, endsAfter: false });
      return all[0]?.fields ?? [];
    }),
  );
  const wanted = TRIALS.reduce((sum, { spans }) => sum + spans, 0);
  const read = () =>
    reportsOf(
      collector.received,
      TRIALS.map((_, i) => ({ mark: `trial=${i}`, seen: proxy.origin.seen(`trial-${i}`), answer: answers[i] ?? [] })),
    );
  // where spans are missing the comparison says which
  for (let i = 0; i < POLLS && read().reduce((sum, { spans }) => sum + spans.length, 0) < wanted; i++) await sleep(POLL_MS);
  return new Map(read().map((report, i) => [TRIALS[i]?.name ?? '', report]));
}

const ONLY = process.env['TULLE_SHOW'];

describe('Tulle and Envoy: tracing', { skip: envoyMissing, concurrency: false, timeout: 180_000 }, () => {
  const sides: Side[] = [];
  before(async () => {
    const envoy = envoyCommand(await envoyBinary());
    const start = async (command: typeof TULLE): Promise<Side> => {
      const collector = await startCollector();
      const proxy = await startProxy(command, createCertificates(), setup, async () => collector).catch(async (error: unknown) => {
        await collector.close();
        throw error;
      });
      const side = { proxy, reports: await runSide(proxy, collector) };
      sides.push(side);
      return side;
    };
    const commands = [process.env['TULLE_BIN'] === 'envoy' ? envoy : TULLE, envoy];
    const started = await Promise.all(commands.map(start));
    sides.splice(0, sides.length, ...started);
  });
  after(() => Promise.all(sides.map(({ proxy }) => proxy.stop())));
  for (const { name, spans } of TRIALS.filter((each) => ONLY === undefined || new RegExp(ONLY).test(each.name))) {
    test(name, () => {
      const [ours, theirs] = sides.map(({ reports }) => reports.get(name));
      if (ONLY !== undefined) console.log(JSON.stringify({ tulle: ours, envoy: theirs }, undefined, 2));
      assert.equal(theirs?.spans.length, spans, `Envoy: ${JSON.stringify(theirs)}`);
      assert.deepEqual(ours, theirs);
    });
  }
  test('why requests are traced is counted', async () => {
    const [ours, theirs] = await Promise.all(
      sides.map(async ({ proxy }) => {
        // clients ask once more under ids of their own, of which a share is sampled
        const stats = Object.entries(await proxy.stats('.tracing.'));
        return stats.filter(([stat]) => !/^http\.(?:last|half|capped)\./.test(stat)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      }),
    );
    assert.deepEqual(ours, theirs);
  });
});
