/** Authorization of connections by another service, asked by gRPC. */
import type { JsonObject } from '@bufbuild/protobuf';
import { authzServer } from './framework/authz-server.ts';
import type { Setup, World } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { networkFilter, tcpClusters, tcpListener, tcpProxy } from './framework/network-pieces.ts';
import { h2Cluster } from './framework/pieces.ts';
import { tcp } from './framework/tcp-case.ts';
import { startTcpServers } from './framework/tcp-servers.ts';
import { compareTopic } from './framework/topic.ts';

const FAILS = { initial_metadata: [{ key: 'x-fail', value: 'yes' }] };

const authz = (service: JsonObject = {}, fields: JsonObject = {}): JsonObject =>
  networkFilter('ext_authz', 'ext_authz.v3.ExtAuthz', {
    stat_prefix: 'ask',
    grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '20s', ...service },
    transport_api_version: 'V3',
    ...fields,
  });

/** Notes a policy for every connection, and asks about those of which `prefix` was noted. */
const noted = (prefix: string): JsonObject[] => [
  networkFilter('rbac', 'rbac.v3.RBAC', {
    stat_prefix: 'note',
    shadow_rules: { action: 'DENY', policies: { mine: { permissions: [{ any: true }], principals: [{ any: true }] } } },
    shadow_rules_stat_prefix: 'asked_',
  }),
  authz(FAILS, {
    filter_enabled_metadata: {
      filter: 'envoy.filters.network.rbac',
      path: [{ key: 'asked_shadow_effective_policy_id' }],
      value: { string_match: { prefix } },
    },
  }),
];

const FILTERS: Readonly<Record<string, readonly JsonObject[]>> = {
  allowed: [authz()],
  failing: [authz(FAILS)],
  open: [authz(FAILS, { failure_mode_allow: true })],
  nobody: [authz({ envoy_grpc: { cluster_name: 'dead' } })],
  asked: noted('mi'),
  unasked: noted('other'),
};

// Envoy asks when the client has said something, Tulle when it has connected: whether it closes before or after the client's
// bytes have come is a matter of which is quicker, and the client hears an end or a reset
const hello = (listener: string, body: string): Case => {
  const options = { listener, expects: { 'answers.0.body': body, connection: body === '' ? 'over' : 'ended' }, endsAnyhow: body === '' };
  return tcp(`${listener}: ${body === '' ? 'closed' : 'passes'}`, [{ send: 'hello' }, { end: true }], options);
};

const CASES: Case[] = [
  hello('allowed', 'got hello'),
  hello('failing', ''),
  hello('open', 'got hello'),
  hello('nobody', ''),
  hello('asked', ''),
  hello('unasked', 'got hello'),
];

function setup(world: World): Setup {
  const to = (filters: readonly JsonObject[]) => tcpListener([...filters, tcpProxy(world, 'whole', { access_log: [] })]);
  return {
    listeners: Object.fromEntries(Object.entries(FILTERS).map(([name, filters]) => [name, to(filters)])),
    clusters: [...tcpClusters(world).filter(({ name }) => name !== 'authz'), h2Cluster('authz', [world.servers['authz'] ?? 0])],
  };
}

compareTopic({
  name: 'authorization of connections by gRPC',
  async servers() {
    const [asked, others] = [await authzServer(), await startTcpServers()];
    return {
      ports: { ...others.ports, ...asked.ports },
      async close() {
        await asked.close();
        await others.close();
      },
    };
  },
  setup,
  cases: CASES,
});
