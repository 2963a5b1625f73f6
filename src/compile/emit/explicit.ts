/** Explicit mode: a loopback listener for each named upstream, and an HTTP proxy for all services. */
import { isHttp, type ServicePort } from '../../model/service.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { inspectors, listener } from './listener.ts';
import { memoised } from './memo.ts';
import { serviceRoute } from './names.ts';
import { opaqueChains } from './opaque-chains.ts';
import { egressListeners, httpChain } from './outbound-listeners.ts';
import { egressTables, HTTP_PROXY_ROUTE, httpProxyTable, type TablePlan, wholeServiceRoute } from './outbound-routes.ts';
import type { ProxyNode } from './proxy-node.ts';
import { type CompiledResource, resourceOf } from './resource.ts';
import { type Scope, wholeScope } from './scope.ts';
import type { ServiceShape } from './shape.ts';
import { tellMore } from './provenance.ts';

type Explicit = NonNullable<ProxyNode['explicit']>;

export interface ExplicitOutbound {
  readonly listeners: readonly CompiledResource[];
  /** Of the HTTP proxy and of the ports that a Sidecar names. */
  readonly tables: readonly TablePlan[];
  /** Of the upstreams. */
  readonly routes: readonly CompiledResource[];
}

const LOOPBACK = '127.0.0.1';

/** The visible service that a client calls `host`: whole, or short as Kubernetes' names are. */
function serviceCalled(scope: Scope, host: string): ServiceShape | undefined {
  const { namespace } = scope.client;
  const suffix = `svc.${scope.settings.domainSuffix}`;
  const names = [host, `${host}.${namespace}.${suffix}`, `${host}.${suffix}`, `${host}.${scope.settings.domainSuffix}`];
  return names.map((name) => scope.visible.called.get(name)).find((service) => service !== undefined);
}

function upstreamListener(scope: Scope, service: ServiceShape, port: ServicePort, localPort: number): Listener {
  const isSniffed = port.protocol === 'auto';
  const name = `${LOOPBACK}_${localPort}`;
  const isGrpcWeb = port.protocol === 'grpc-web';
  const http = httpChain(scope, serviceRoute(service.hostname, port.number), `outbound_${name}`, isSniffed, service.origin, isGrpcWeb);
  const opaque = isHttp(port.protocol) ? [] : opaqueChains(scope, service, port, { isAddressed: true });
  const isConditional = opaque.filter(({ filterChainMatch: match }) => match !== undefined && match.serverNames.length > 0);
  const fallback = opaque.find((chain) => !isConditional.includes(chain));
  const chains = [...(isSniffed || isHttp(port.protocol) ? [http] : []), ...isConditional];
  return listener({
    name,
    host: LOOPBACK,
    port: localPort,
    direction: 'outbound',
    chains,
    otherwise: fallback,
    listenerFilters: [...(isConditional.length > 0 ? [inspectors.tls()] : []), ...(isSniffed ? [inspectors.http()] : [])],
    isBound: true,
    settings: scope.settings,
  });
}

/** Listeners and routes of explicit mode; `explicitKey` is the node's `explicit` as JSON. */
export const explicitOutbound = memoised((scope: Scope, explicitKey: string): ExplicitOutbound => {
  const { httpProxyPort, upstreams }: Explicit = JSON.parse(explicitKey);
  const proxy = listener({
    name: `${LOOPBACK}_${httpProxyPort}`,
    host: LOOPBACK,
    port: httpProxyPort,
    direction: 'outbound',
    chains: [httpChain(scope, HTTP_PROXY_ROUTE, 'http_proxy', false, undefined)],
    listenerFilters: [],
    isBound: true,
    settings: scope.settings,
  });
  tellMore(proxy, { httpProxy: true });
  const listeners = [proxy, ...egressListeners(scope, false)].map((message) => resourceOf(ListenerSchema, message.name, message));
  const tables = [httpProxyTable(scope), ...scope.ports.flatMap(egressTables)];
  const routes: CompiledResource[] = [];
  const whole = wholeScope(scope);
  for (const { host, port: number, localPort } of upstreams) {
    const service = serviceCalled(scope, host);
    const port = service?.ports.find((own) => own.number === number);
    // a service that is not there yet gets its listener when it comes
    if (service === undefined || port === undefined) continue;
    const message = upstreamListener(whole, service, port, localPort);
    listeners.push(resourceOf(ListenerSchema, message.name, message));
    if (isHttp(port.protocol) || port.protocol === 'auto') routes.push(wholeServiceRoute(whole, service, port.number));
  }
  return { listeners, tables, routes };
});
