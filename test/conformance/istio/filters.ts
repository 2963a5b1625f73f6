/** The filters of a listener in order, with what is configured in those that patches put in or changed. */
import { at, entries, items, type Json, type JsonMap, said, text } from './json.ts';
import { takenAlpn } from './listeners.ts';
import { virtualHostOf } from './routes.ts';

/** Istio's own extensions, which a stock Envoy does not get; and what other questions tell. */
const LEFT_OUT = /^istio\.|^envoy\.filters\.(?:http|network)\.(?:grpc_stats|rbac|metadata_exchange)$/;

/** Fields whose values differ where they mean the same, or that other questions tell. */
const UNTOLD: ReadonlySet<string> = new Set([
  '@type',
  'statPrefix',
  'accessLog',
  'cluster',
  'routeConfig',
  'rds',
  'httpFilters',
  'tracing',
]);

/** Of the connection manager, what patches change; the rest is what Istio sets for itself. */
const OF_MANAGER = [
  'streamIdleTimeout',
  'requestTimeout',
  'requestHeadersTimeout',
  'commonHttpProtocolOptions',
  'httpProtocolOptions',
  'http2ProtocolOptions',
  'maxRequestHeadersKb',
  'useRemoteAddress',
  'xffNumTrustedHops',
  'mergeSlashes',
  'serverName',
  'forwardClientCertDetails',
  'upgradeConfigs',
  'localReplyConfig',
] as const;

function withName(name: string, config: JsonMap): Json {
  return Object.keys(config).length === 0 ? name : { [name]: config };
}

function told(config: Json | undefined): JsonMap {
  return said(Object.fromEntries(entries(config).filter(([field]) => !UNTOLD.has(field))));
}

function extensionOf(filter: Json): Json {
  const name = text(filter, 'name');
  const isIstiosOwn = name.endsWith('tls_inspector') || name.endsWith('http_inspector');
  return withName(name, isIstiosOwn ? {} : told(at(filter, 'typedConfig')));
}

function managerOf(filter: Json): Json {
  const config = at(filter, 'typedConfig');
  const logs = items(config, 'accessLog').map((log) => text(log, 'name'));
  return {
    [text(filter, 'name')]: said({
      ...Object.fromEntries(OF_MANAGER.map((field) => [field, at(config, field)])),
      accessLog: logs,
      routes: text(config, 'rds', 'routeConfigName') || items(config, 'routeConfig', 'virtualHosts').map(virtualHostOf),
      filters: items(config, 'httpFilters')
        .filter((inner) => !LEFT_OUT.test(text(inner, 'name')))
        .map(extensionOf),
    }),
  };
}

function chainOf(chain: Json): Json {
  const filters = items(chain, 'filters').filter((filter) => !LEFT_OUT.test(text(filter, 'name')));
  const socket = at(chain, 'transportSocket', 'typedConfig');
  return said({
    requireSni: at(socket, 'requireSni'),
    alpn: takenAlpn(at(socket, 'commonTlsContext')),
    connectTimeout: text(chain, 'transportSocketConnectTimeout').replace('15s', ''),
    filters: filters.map((filter) => (text(filter, 'name').endsWith('http_connection_manager') ? managerOf(filter) : extensionOf(filter))),
  });
}

/** What a chain is for, as its key. */
function chainName(chain: Json): string {
  const match = at(chain, 'filterChainMatch');
  const alpn = items(match, 'applicationProtocols').map((name) => text(name));
  const names = items(match, 'serverNames').map((name) => text(name));
  return [text(chain, 'name'), text(match, 'destinationPort'), text(match, 'transportProtocol'), alpn.toSorted().join('+'), names.join('+')]
    .filter((part) => part !== '')
    .join(' ');
}

/** The listener's filters, and those of its chains, or of those called `chain`. */
export function filtersOf(listener: Json, chain: string): Json {
  const chains = items(listener, 'filterChains').filter((one) => chain === '' || text(one, 'name') === chain);
  const last = at(listener, 'defaultFilterChain');
  return said({
    buffer: at(listener, 'perConnectionBufferLimitBytes'),
    backlog: at(listener, 'tcpBacklogSize'),
    filters: items(listener, 'listenerFilters').map(extensionOf),
    chains: Object.fromEntries(
      chains.toSorted((a, b) => (chainName(a) < chainName(b) ? -1 : 1)).map((one) => [chainName(one), chainOf(one)]),
    ),
    otherwise: last === undefined || chain !== '' ? undefined : chainOf(last),
  });
}
