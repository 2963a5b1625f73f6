/** Access logs by gRPC and OTLP, and filters by CEL: what a collector gets must be the same but for times, ids, and bytes of heads. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { bytesOf } from '../../src/proxy/telemetry/byte-text.ts';
import { envoyBinary, envoyMissing } from '../interop/envoy-binary.ts';
import { certificate, type Setup, type World } from './framework/bootstrap.ts';
import { createCertificates } from './framework/certificates.ts';
import { type Collected, startCollector } from './framework/collector.ts';
import { talk } from './framework/h1-client.ts';
import { cluster, direct, h2Cluster, to, type } from './framework/pieces.ts';
import { envoyCommand, type Proxy, startProxy, TULLE } from './framework/proxies.ts';

const common = {
  log_name: 'shop',
  grpc_service: { envoy_grpc: { cluster_name: 'collector' } },
  transport_api_version: 'V3',
  buffer_flush_interval: '0.05s',
  custom_tags: [
    { tag: 'said', literal: { value: 'so' } },
    { tag: 'agent', request_header: { name: 'user-agent', default_value: 'none' } },
  ],
};

const cel = (expression: string): JsonObject => ({
  extension_filter: { name: 'cel', typed_config: type('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', { expression }) },
});

const als = (expression: string): JsonObject => ({
  name: 'als',
  filter: cel(expression),
  typed_config: type('envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', {
    common_config: common,
    additional_request_headers_to_log: ['X-Log', ':path', ':method', 'Host'],
    additional_response_headers_to_log: ['content-type', ':status'],
  }),
});

const otel = (filter: JsonObject): JsonObject => ({
  name: 'otel',
  filter,
  typed_config: type('envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig', {
    common_config: common,
    body: { string_value: '%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%' },
    attributes: { values: [{ key: 'protocol', value: { string_value: '%PROTOCOL%' } }] },
    resource_attributes: { values: [{ key: 'team', value: { string_value: 'shop' } }] },
  }),
});

/** The libraries have another favourite each. */
const oldTls = ({ proxy, root }: World['certificates']): JsonObject => ({
  require_client_certificate: true,
  common_tls_context: {
    tls_certificates: [certificate(proxy)],
    validation_context: { trusted_ca: { inline_string: root } },
    tls_params: { tls_maximum_protocol_version: 'TLSv1_2', cipher_suites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] },
  },
});

/** Which requests pass: expressions over the attributes, by listener. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  everything: 'true',
  status: 'response.code >= 400',
  field: "request.headers['x-log'] == 'yes'",
  presence: "'x-log' in request.headers",
  path: "request.url_path == '/ok' && request.query.startsWith('q=')",
  name: "request.method == 'GET' && request.host == 'shop.test' && request.scheme == 'http' && request.protocol == 'HTTP/1.1'",
  regex: "request.path.matches('^/b.d')",
  details: "response.code_details == 'via_upstream'",
  upstream: "xds.cluster_name == 'origin' && upstream.port > 0 && !connection.mtls",
  route: "xds.route_name == 'rest' && destination.port > 0",
  quick: "request.duration < duration('60s') && request.size == 0 && response.size > 0",
  broken: "request.headers['absent'] == 'x'",
  number: 'response.code + 1 == 201',
  choice: "(response.code == 200 ? 'good' : 'bad') == 'bad'",
};

const setup = ({ servers, certificates }: World): Setup => ({
  listeners: {
    ...Object.fromEntries(Object.entries(EXPRESSIONS).map(([name, text]) => [name, { manager: { access_log: [als(text)] } }])),
    otel: { manager: { access_log: [otel(cel('true'))] } },
    grpc: { manager: { access_log: [otel({ grpc_status_filter: { statuses: ['UNIMPLEMENTED', 'NOT_FOUND'] } })] } },
    tls: { tls: oldTls(certificates), manager: { access_log: [als('true')] } },
    types: { manager: { access_log: [otel({ log_type_filter: { types: ['DownstreamEnd'] } })] } },
    others: { manager: { access_log: [otel({ log_type_filter: { types: ['DownstreamEnd'], exclude: true } })] } },
  },
  routes: [direct('/bad', 404, 'no'), to('/dead', { cluster: 'dead' })],
  clusters: [h2Cluster('collector', [servers['collector'] ?? 0]), cluster('other', [])],
});

const REQUESTS: readonly (readonly [path: string, ...fields: string[]])[] = [
  ['/ok?q=1'],
  ['/bad?x', 'referer: http://a.test/'],
  ['/ok', 'x-log: yes', 'user-agent: me'],
  ['/ok?utf-8', ...['x-log: grüße', 'user-agent: 日本 🎉'].map(bytesOf)],
  ['/ok?empty', 'x-log:', 'user-agent:'],
  ['/dead'],
];

/** Moments that we know, too. */
const TIMES = /^(?:startTime|duration|timeTo(?:LastRx|(?:First|Last)Upstream[TR]x|LastDownstreamTx)Byte)$/;
const DROPPED = /[tT]ime|Bytes(?:Sent|Received)?$|portValue|streamId|requestId|tlsSniHostname|tlsSessionId|^node$/;

/** Without what no two runs, or programs, have in common. */
function plain(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !DROPPED.test(key) || TIMES.test(key) || key === 'responseBodyBytes');
  return Object.fromEntries(entries.map(([key, each]) => [key, TIMES.test(key) ? 'some' : plain(each)]));
}

/** What stands under a key, wherever that is. */
function found(value: JsonValue, key: string): JsonValue[] {
  if (Array.isArray(value)) return value.flatMap((each) => found(each, key));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => (name === key ? (Array.isArray(each) ? each : [each]) : found(each, key)));
}

/** What of the requests of one listener was logged, in their order. */
function entriesOf(received: readonly Collected[], mark: string): JsonValue[] {
  const all = received.flatMap(({ body }) => [...found(body, 'logEntry'), ...found(body, 'logRecords')]).map(plain);
  const own = all.map((entry) => JSON.stringify(entry)).filter((text) => text.includes(`${mark}-`));
  // maps have no order, so that the texts of equal entries need not be equal
  const requestOf = (text: string): number => Number(text[text.indexOf(`${mark}-`) + mark.length + 1]);
  return own.toSorted((a, b) => requestOf(a) - requestOf(b)).map((text) => JSON.parse(text) as JsonValue);
}

const LISTENERS = [...Object.keys(EXPRESSIONS), 'otel', 'tls', 'grpc', 'types', 'others'];

async function run(proxy: Proxy): Promise<void> {
  for (const name of LISTENERS) {
    for (const [i, [path, ...fields]] of REQUESTS.entries()) {
      const target = `${path}${path.includes('?') ? '&' : '?'}mark=${name}-${i}`;
      const head = [`GET ${target} HTTP/1.1`, 'host: shop.test', `x-case: ${name}`, ...fields, '', ''].join('\r\n');
      await talk(proxy.target(name), { pieces: [head], answers: 1, isHead: false, endsAfter: false });
    }
  }
}

describe('Tulle and Envoy: access loggers', { skip: envoyMissing, concurrency: false, timeout: 180_000 }, () => {
  const sides: { proxy: Proxy; received: readonly Collected[] }[] = [];
  before(async () => {
    const envoy = envoyCommand(await envoyBinary());
    const start = async (command: typeof TULLE) => {
      const collector = await startCollector();
      const proxy = await startProxy(command, createCertificates(), setup, async () => collector).catch(async (error: unknown) => {
        await collector.close();
        throw error;
      });
      const side = { proxy, received: collector.received };
      sides.push(side);
      await run(proxy);
      return side;
    };
    const started = await Promise.all([process.env['TULLE_BIN'] === 'envoy' ? envoy : TULLE, envoy].map(start));
    sides.splice(0, sides.length, ...started);
    // Envoy's OTLP logger takes its time
    for (let i = 0; i < 40 && sides.some(({ received }) => entriesOf(received, 'mark=types').length < REQUESTS.length); i++)
      await sleep(50);
  });
  after(() => Promise.all(sides.map(({ proxy }) => proxy.stop())));
  for (const name of LISTENERS) {
    test(name, () => {
      const [ours, theirs] = sides.map(({ received }) => entriesOf(received, `mark=${name}`));
      if (process.env['TULLE_SHOW'] !== undefined) console.log(JSON.stringify({ tulle: ours, envoy: theirs }, undefined, 1));
      assert.ok(theirs !== undefined && (theirs.length > 0 || ['broken', 'others'].includes(name)), 'Envoy has logged nothing');
      assert.deepEqual(ours, theirs);
    });
  }
});
