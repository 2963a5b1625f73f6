/** The network filters of a chain: authorization of connections, then HTTP or bytes. */
import { CUSTOM_PREFIX } from '../../compile/emit/ext-authz.ts';
import { readTcpProxy } from '../../proxy/network/tcp-proxy-config.ts';
import { decodeTyped, typeNameOf } from '../../proxy/config/typed-config.ts';
import { ExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { type RBAC, RBACSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { type TcpProxy, TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { Entered } from './arrival.ts';
import { askedService, notedPolicy, tellAsked } from './asked-service.ts';
import { boundsOf, percent, sweep } from './chance.ts';
import { type Explanation, Trail, verdict } from './explanation.ts';
import { explainHttp } from './http.ts';
import type { Stop, Traffic } from './journey.ts';
import { denialText, explainRules, policySource } from './policies.ts';
import { toCluster } from './upstream.ts';
import { nameOf } from './world.ts';

/** Decides about a connection; undefined: it may go on. */
function authorize(
  message: RBAC,
  stop: Stop,
  { connection, listener }: Entered,
  metadata: Map<string, unknown>,
  trail: Trail,
): Explanation | undefined {
  const input = { connection, request: undefined, info: undefined };
  const isAsked = message.shadowRulesStatPrefix === CUSTOM_PREFIX;
  const noted = explainRules(message.shadowRules, isAsked ? 'asked' : 'tried', input, listener, trail);
  if (isAsked) metadata.set('envoy.filters.network.rbac', notedPolicy(noted?.policy));
  const decision = explainRules(message.rules, 'enforced', input, listener, trail);
  if (decision === undefined || decision.isAllowed) return undefined;
  const by = nameOf(stop.member);
  const source = decision.policy === undefined ? undefined : policySource(listener, decision.policy);
  const text = `closed by the proxy of ${by}: ${denialText(decision)}`;
  return trail.end(verdict({ outcome: 'closed', by, text, policy: decision.policy ?? 'none', ...(source && { source }) }));
}

async function passBytes(
  message: TcpProxy,
  stop: Stop,
  { connection, listener }: Entered,
  traffic: Traffic,
  trail: Trail,
): Promise<Explanation> {
  const config = readTcpProxy(message, listener.name);
  const { clusterSpecifier: specifier, tunnelingConfig: tunnel } = message;
  if (tunnel !== undefined)
    trail.add(
      'filter',
      `what follows is an HTTP proxy, asked by ${tunnel.usePost ? 'POST' : 'CONNECT'} to pass the bytes on to ${tunnel.hostname}`,
    );
  const bounds = specifier.case === 'weightedClusters' ? boundsOf(specifier.value.clusters.map(({ weight }) => weight)) : [];
  const shares = sweep(
    bounds,
    (random) => config.chooseCluster(random, connection.filterState),
    ({ name }) => name,
  );
  if (shares.length > 1)
    trail.add('cluster', `by weight: ${shares.map(({ share, value }) => `${percent(share)} to ${value.name}`).join(', ')}`);
  const branches = shares.map(async ({ share, value: { name } }) => {
    const onto = new Trail(trail.side);
    return {
      share,
      when: `the weights choose ${name}`,
      explanation: await toCluster({ stop, name, traffic, stream: undefined, hash: undefined, connection }, onto),
    };
  });
  return trail.fork(await Promise.all(branches));
}

/** Goes through the filters of the chain that a connection has got. */
export async function explainChain(stop: Stop, entered: Entered, traffic: Traffic, trail: Trail): Promise<Explanation> {
  const { chain, listener } = entered;
  const by = nameOf(stop.member);
  const metadata = new Map<string, unknown>();
  for (const { configType } of chain.filters) {
    const any = configType.case === 'typedConfig' ? configType.value : undefined;
    if (any === undefined) continue;
    const type = typeNameOf(any);
    if (type === RBACSchema.typeName) {
      const denied = authorize(decodeTyped(any, RBACSchema, listener.name), stop, entered, metadata, trail);
      if (denied !== undefined) return denied;
    } else if (type === ExtAuthzSchema.typeName) {
      const asked = askedService(decodeTyped(any, ExtAuthzSchema, listener.name), metadata);
      if (asked !== undefined && !tellAsked(asked, 'connection', stop.config, trail))
        return trail.end(
          verdict({
            outcome: 'closed',
            flag: 'UAEX',
            by,
            text: `closed by the proxy of ${by}: ${asked.who} is to be asked, and cannot be`,
          }),
        );
    } else if (type === TcpProxySchema.typeName) {
      return passBytes(decodeTyped(any, TcpProxySchema, listener.name), stop, entered, traffic, trail);
    } else if (type === HttpConnectionManagerSchema.typeName) {
      if (traffic.kind === 'http') return explainHttp(stop, entered, any, traffic.request, trail);
      return trail.end(
        verdict({
          outcome: 'closed',
          flag: 'DPE',
          by,
          text: `closed by the proxy of ${by}: it speaks HTTP on this port, and other bytes come`,
        }),
      );
    }
  }
  return trail.end(verdict({ outcome: 'closed', by, text: `closed by the proxy of ${by}: the filter chain leads nowhere` }));
}
