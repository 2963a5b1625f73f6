import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type ChecksPlan, readChecks } from './active-checks.ts';
import { holdsPayloads } from './payload.ts';

const COMMON: JsonObject = { timeout: '1s', interval: '10s', unhealthy_threshold: 3, healthy_threshold: 2 };

function read(check: JsonObject, cluster: JsonObject = {}): ChecksPlan | undefined {
  return readChecks(fromJson(ClusterSchema, { name: 'c', health_checks: [{ ...COMMON, ...check }], ...cluster }), 'cluster', 'http1');
}

test('what is left out has Envoy’s defaults', () => {
  const plan = read({ tcp_health_check: {} });
  assert.equal(plan?.kind.type, 'TCP');
  assert.equal(plan.ignoresNewHosts, false);
  assert.deepEqual(plan.settings, {
    timeoutMs: 1000,
    intervals: {
      intervalMs: 10_000,
      noTrafficMs: 60_000,
      noTrafficHealthyMs: 60_000,
      unhealthyMs: 10_000,
      unhealthyEdgeMs: 10_000,
      healthyEdgeMs: 10_000,
      initialJitterMs: 0,
      jitterMs: 0,
      jitterPercent: 0,
    },
    thresholds: { unhealthy: 3, healthy: 2 },
    reusesConnection: true,
    logsFailures: false,
    logsSuccesses: false,
    alpn: [],
    transportCriteria: undefined,
  });
});

test('intervals default to one another', () => {
  const plan = read({ tcp_health_check: {}, unhealthy_interval: '5s', no_traffic_interval: '7s' });
  const { unhealthyEdgeMs, noTrafficHealthyMs } = plan?.settings.intervals ?? {};
  assert.deepEqual([unhealthyEdgeMs, noTrafficHealthyMs], [5000, 7000]);
});

test('a cluster without health checks has none', () => {
  assert.equal(read({}, { health_checks: [] }), undefined);
});

const http = (fields: JsonObject): JsonObject => ({ http_health_check: { path: '/', ...fields } });

const REFUSED: readonly (readonly [check: JsonObject, message: RegExp])[] = [
  [{}, /health_checks\[0\]: none of http_health_check/],
  [{ tcp_health_check: {}, timeout: '0s' }, /\.timeout: 0 s is not above zero/],
  [
    { custom_health_check: { name: 'envoy.health_checkers.redis' } },
    /custom_health_check: "envoy\.health_checkers\.redis" is not supported/,
  ],
  [{ grpc_health_check: {} }, /grpc_health_check: the cluster speaks HTTP\/1\.1/],
  [{ tcp_health_check: { send: { text: 'xyz' } } }, /tcp_health_check\.send\.text: "xyz" is not hexadecimal/],
  [{ tcp_health_check: { receive: [{}] } }, /receive\[0\]: neither text nor binary/],
  [{ http_health_check: {} }, /path: is empty/],
  [http({ method: 'CONNECT' }), /method: CONNECT cannot be checked with/],
  [http({ codec_client_type: 'HTTP3' }), /codec_client_type: HTTP3 is not supported/],
  [http({ expected_statuses: [{ start: 200, end: 200 }] }), /expected_statuses\[0\]/],
  [http({ retriable_statuses: [{ start: 99, end: 200 }] }), /retriable_statuses\[0\]/],
  [http({ send: { text: '00' } }), /send: GET has no body/],
  [http({ receive: [{ text: '0011' }], response_buffer_size: 1 }), /receive: 2 bytes do not fit/],
  [http({ service_name_matcher: {} }), /service_name_matcher/],
  [http({ request_headers_to_add: [{ header: { key: 'a', value: '%START_TIME%' } }] }), /"%START_TIME%" has a command/],
  [http({ request_headers_to_remove: ['host'] }), /"host" cannot be changed/],
  [{ tcp_health_check: {}, event_service: { grpc_service: {} } }, /event_service: is not supported/],
  [{ tcp_health_check: {}, event_logger: [{ name: 'x' }] }, /event_logger\[0\]: "x" is not supported/],
];

for (const [check, message] of REFUSED) {
  test(`refused: ${JSON.stringify(check)}`, () => {
    assert.throws(() => read(check), { name: 'ConfigError', message });
  });
}

test('what every check needs is asked for by name', () => {
  for (const field of Object.keys(COMMON)) {
    const config = Object.fromEntries(Object.entries({ ...COMMON, tcp_health_check: {} }).filter(([name]) => name !== field));
    const cluster = fromJson(ClusterSchema, { name: 'c', health_checks: [config] });
    assert.throws(() => readChecks(cluster, 'cluster', 'http1'), { name: 'ConfigError', message: new RegExp(`\\.${field}: is missing`) });
  }
});

test('a second health check is refused', () => {
  const check = { ...COMMON, tcp_health_check: {} };
  assert.throws(() => read({}, { health_checks: [check, check] }), { message: /health_checks\[1\]: only one/ });
});

test('payloads stand one after the other, with anything between', () => {
  const parts = ['ab', 'cd'].map((text) => Buffer.from(text));
  for (const [text, want] of [
    ['abcd', true],
    ['xabxcdx', true],
    ['cdab', false],
    ['ab', false],
    ['', false],
  ] as const)
    assert.equal(holdsPayloads(parts, Buffer.from(text)), want, text);
  assert.equal(holdsPayloads([], Buffer.alloc(0)), true);
});
