import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { RBACPerRouteSchema, RBACSchema } from '../../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { fakeConnection, fakeInfo, fakeNetworkScope, fakeScope, fakeStream, idleConnection } from '../../telemetry/testing/fake-stream.ts';
import { RBACSchema as NetworkRbacSchema } from '../../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { rbac as networkRbac } from '../../network/rbac.ts';
import { CONTINUE, REPLIED } from '../filter.ts';
import { rbac } from './rbac.ts';

const DENY_ALL = 'ns[shop]-policy[deny all]-rule[0]';
const everything = { permissions: [{ any: true }], principals: [{ any: true }] };
const denyAll = { action: 'DENY', policies: { [DENY_ALL]: everything } };

function filterOf(config: JsonObject, listenerMetadata = {}) {
  const scope = fakeScope({ listenerMetadata });
  const filter = rbac.create(rbac.parse(fromJson(RBACSchema, config), 'f'), scope);
  const counters = (): Record<string, number> => {
    const found: Record<string, number> = {};
    scope.stats.forEach(({ name, value }) => {
      if (value.kind === 'counter' && value.counter.value !== 0) found[name] = value.counter.value;
    });
    return found;
  };
  return { filter, counters };
}

test('a denial answers 403, is counted, and says which policy and where it was written', () => {
  const { filter, counters } = filterOf(
    { rules: denyAll, rulesStatPrefix: 'ns_', trackPerRuleStats: true },
    { tulle: { policies: { [DENY_ALL]: { file: 'mesh/deny.yaml', line: 3 } } } },
  );
  const stream = fakeStream();
  assert.equal(filter.onRequestHeaders?.(stream, true), REPLIED);
  assert.deepEqual(stream.replies, [
    { status: 403, body: 'RBAC: access denied', details: 'rbac_access_denied_matched_policy[ns[shop]-policy[deny_all]-rule[0]]' },
  ]);
  assert.deepEqual(stream.info.metadata.get('tulle'), { policy: DENY_ALL, file: 'mesh/deny.yaml', line: 3 });
  assert.deepEqual(counters(), { 'rbac.ns_.denied': 1, [`rbac.ns_.policy.${DENY_ALL}.denied`]: 1 });
});

test('nobody allowed it: the policy is none', () => {
  const stream = fakeStream();
  assert.equal(filterOf({ rules: { action: 'ALLOW' } }).filter.onRequestHeaders?.(stream, true), REPLIED);
  assert.equal(stream.replies[0]?.details, 'rbac_access_denied_matched_policy[none]');
  assert.deepEqual(stream.info.metadata.get('tulle'), { policy: 'none' });
});

test('shadow rules are counted and left for logs, and decide nothing', () => {
  const { filter, counters } = filterOf({ shadowRules: denyAll, shadowRulesStatPrefix: 'istio_dry_run_deny_' });
  const stream = fakeStream();
  assert.equal(filter.onRequestHeaders?.(stream, true), CONTINUE);
  assert.deepEqual(counters(), { 'rbac.istio_dry_run_deny_.shadow_denied': 1 });
  assert.deepEqual(stream.info.metadata.get('envoy.filters.http.rbac'), {
    istio_dry_run_deny_shadow_engine_result: 'denied',
    istio_dry_run_deny_shadow_effective_policy_id: DENY_ALL,
  });
});

test('LOG marks what matched and lets it pass', () => {
  const stream = fakeStream();
  const { filter } = filterOf({ rules: { action: 'LOG', policies: { a: everything } } });
  assert.equal(filter.onRequestHeaders?.(stream, true), CONTINUE);
  assert.deepEqual(stream.info.metadata.get('envoy.common'), { access_log_hint: true });
});

test("a route's own rules replace the filter's", () => {
  const { filter } = filterOf({ rules: denyAll });
  const free = rbac.parseRoute?.(fromJson(RBACPerRouteSchema, {}), 'r');
  const strict = rbac.parseRoute?.(fromJson(RBACPerRouteSchema, { rbac: { rules: { action: 'ALLOW' } } }), 'r');
  assert.equal(filter.onRequestHeaders?.(fakeStream({ perRoute: free }), true), CONTINUE);
  const stream = fakeStream({ perRoute: strict });
  assert.equal(filter.onRequestHeaders?.(stream, true), REPLIED);
  assert.equal(stream.replies[0]?.details, 'rbac_access_denied_matched_policy[none]');
});

for (const [action, isOpen] of [
  ['DENY', false],
  ['ALLOW', true],
] as const) {
  test(`a connection under ${action}`, () => {
    const reasons: (string | undefined)[] = [];
    const scope = fakeNetworkScope(fakeScope());
    const config = fromJson(NetworkRbacSchema, { statPrefix: 'tcp.', rules: { action, policies: { a: everything } } });
    const check = networkRbac.create(networkRbac.parse(config, 'f'), scope);
    assert.equal(check(idleConnection({ destroy: (reason) => void reasons.push(reason) }), fakeConnection(), fakeInfo({})), isOpen);
    assert.deepEqual(reasons, isOpen ? [] : ['rbac_access_denied_matched_policy[a]']);
    assert.equal(scope.stats.counter('tcp.rbac.allowed').value, isOpen ? 1 : 0);
    assert.equal(scope.stats.counter('tcp.rbac.denied').value, isOpen ? 0 : 1);
  });
}
