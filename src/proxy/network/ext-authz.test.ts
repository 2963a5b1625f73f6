/** Connections that another service is asked about, as far as it goes without the service. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { createTestProxy, echoServer, exchange, portOf, type TestProxy, type TestServer, typed } from '../listener/testing/proxy-pieces.ts';
import { ExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { RBACSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { networkFilters } from './index.ts';

let proxy: TestProxy;
let server: TestServer;

beforeEach(async () => {
  proxy = createTestProxy();
  server = await echoServer();
  proxy.tcpCluster('up', [server.port]);
});

afterEach(async () => {
  await proxy.close();
  server.close();
});

const PROXY = { name: 'tcp', typedConfig: typed(TcpProxySchema, { statPrefix: 'test', cluster: 'up' }) };
const POLICY = 'istio_ext_authz_shadow_effective_policy_id';

/** Asks a service that is not there about connections of which the filter before has noted a policy. */
function asking(more: JsonObject = {}): JsonObject {
  const config = {
    statPrefix: 'x',
    grpcService: { envoyGrpc: { clusterName: 'nobody' } },
    filterEnabledMetadata: {
      filter: 'envoy.filters.network.rbac',
      path: [{ key: POLICY }],
      value: { stringMatch: { prefix: 'ask' } },
    },
    ...more,
  };
  return { name: 'ext_authz', typedConfig: typed(ExtAuthzSchema, config) };
}

function noting(policy: string): JsonObject {
  const policies = { [policy]: { permissions: [{ any: true }], principals: [{ any: true }] } };
  const config = { statPrefix: 'tcp.', shadowRules: { action: 'DENY', policies }, shadowRulesStatPrefix: 'istio_ext_authz_' };
  return { name: 'rbac', typedConfig: typed(RBACSchema, config) };
}

async function listen(...filters: JsonObject[]): Promise<number> {
  const listener = proxy.listener({ filterChains: [{ filters: [...filters, PROXY] }] }, { filters: networkFilters });
  await listener.start();
  return portOf(listener);
}

test('nobody is asked about what no policy matches', async () => {
  assert.equal(await exchange(await listen(noting('another'), asking()), 'hello'), 'hello');
  assert.equal(proxy.stat('ext_authz.x.disabled'), 1);
  assert.equal(proxy.stat('ext_authz.x.total'), 0);
});

test('a connection is closed where nobody can be asked, and nothing is sent to the upstream', async () => {
  assert.equal(await exchange(await listen(noting('ask-me'), asking()), 'hello'), '');
  assert.equal(proxy.stat('ext_authz.x.error'), 1);
  assert.equal(proxy.stat('ext_authz.x.cx_closed'), 1);
  assert.equal(proxy.stat('ext_authz.x.active'), 0);
  assert.equal(proxy.stat('cluster.up.upstream_cx_total'), 0);
});

test('it passes where that is asked for, with what the client has said meanwhile', async () => {
  assert.equal(await exchange(await listen(noting('ask-me'), asking({ failureModeAllow: true })), 'hello'), 'hello');
  assert.equal(proxy.stat('ext_authz.x.failure_mode_allowed'), 1);
});

const REFUSED: readonly [name: string, config: JsonObject, path: RegExp][] = [
  ['no name', asking({ statPrefix: '' }), /stat_prefix$/],
  ['no service', asking({ grpcService: {} }), /grpc_service$/],
  ['an old version', asking({ transportApiVersion: 'V2' }), /transport_api_version$/],
];

for (const [name, config, path] of REFUSED) {
  test(`refuses ${name}`, async () => {
    await assert.rejects(listen(config), (error) => error instanceof ConfigError && path.test(error.path));
  });
}
