/** What MeshConfig alone decides: TLS parameters, headers that proxies add, names of statistics. */
import { at, entries, items, type Json, said, text } from './json.ts';
import { onSide } from './listeners.ts';

function paramsOf(socket: Json | undefined): Json {
  const params = at(socket, 'typedConfig', 'commonTlsContext', 'tlsParams');
  return said({
    oldest: text(params, 'tlsMinimumProtocolVersion') || 'TLSv1_2',
    ciphers: at(params, 'cipherSuites'),
    curves: at(params, 'ecdhCurves'),
  });
}

/** Versions, ciphers and curves of a cluster's TLS, or of a listener's first chain that ends TLS. */
export function tlsParams(listeners: readonly Json[], clusters: readonly Json[], name: string): Json {
  const cluster = clusters.find((one) => text(one, 'name') === name);
  if (cluster !== undefined) return paramsOf(at(cluster, 'transportSocket'));
  const listener = listeners.find((one) => text(one, 'name') === name);
  const ending = items(listener, 'filterChains').find((chain) => at(chain, 'transportSocket') !== undefined);
  return paramsOf(at(ending, 'transportSocket'));
}

/** Headers that the first HTTP connection manager of `side` adds or believes. */
export function headers(listeners: readonly Json[], routes: readonly Json[], side: string): Json {
  const all = onSide(listeners, side);
  const last = all
    .flatMap((listener) => items(listener, 'filterChains').map((chain) => ({ listener, filter: items(chain, 'filters').at(-1) })))
    .find(({ filter }) => text(filter, 'name').endsWith('http_connection_manager'));
  const manager = at(last?.filter, 'typedConfig');
  const told = entries(manager, 'setCurrentClientCertDetails').flatMap(([field, on]) => (on === true ? [field] : []));
  const counted = routes.flatMap((config) => items(config, 'virtualHosts')).some((host) => at(host, 'includeRequestAttemptCount') === true);
  return said({
    server: text(manager, 'serverName'),
    serverOfApplication: text(manager, 'serverHeaderTransformation') === 'PASS_THROUGH',
    clientCert: text(manager, 'forwardClientCertDetails'),
    certDetails: told.toSorted(),
    noRequestId: at(manager, 'generateRequestId') === false,
    forwardedPort: at(manager, 'appendXForwardedPort'),
    trustedHops: text(manager, 'xffNumTrustedHops'),
    noDebug: at(items(manager, 'httpFilters').at(-1), 'typedConfig', 'suppressEnvoyHeaders'),
    attempts: side === 'outbound' && counted ? 'counted' : undefined,
    proxyProtocol: items(last?.listener, 'listenerFilters').some((filter) => text(filter, 'name').endsWith('proxy_protocol')),
  });
}

/** By what name a cluster's statistics are known, and how long it leaves names alone that were not resolved. */
export function statistics(clusters: readonly Json[], name: string): Json {
  const cluster = clusters.find((one) => text(one, 'name') === name);
  return said({ name: text(cluster, 'altStatName'), dnsRefreshRate: text(cluster, 'dnsRefreshRate') });
}
