import { ConfigError } from '../../core/errors.ts';
import type { Counter, StatsScope } from '../telemetry/stats.ts';

/** What `istio.metadata_exchange` counts, by Istio's names. */
export interface ExchangeStats {
  readonly alpn_protocol_not_found: Counter;
  readonly alpn_protocol_found: Counter;
  readonly initial_header_not_found: Counter;
  readonly header_not_found: Counter;
  readonly metadata_added: Counter;
}

/** The proxy's counters of it: one set for all filters. `stats` is the proxy's root. */
export function exchangeStats(stats: StatsScope): ExchangeStats {
  const scope = stats.scope('metadata_exchange');
  return {
    alpn_protocol_not_found: scope.counter('alpn_protocol_not_found'),
    alpn_protocol_found: scope.counter('alpn_protocol_found'),
    initial_header_not_found: scope.counter('initial_header_not_found'),
    header_not_found: scope.counter('header_not_found'),
    metadata_added: scope.counter('metadata_added'),
  };
}

/** The type that a TypedStruct of it names. */
export const EXCHANGE_TYPE_URL = 'type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange';

export interface ExchangeConfig {
  /** The protocol that ALPN must have come to: other connections carry no metadata. */
  readonly protocol: string;
}

/**
 * Reads its configuration. `enable_discovery` has a proxy look a silent peer up in a list of all workloads, which ambient
 * proxies have and sidecars have not: it finds nobody here, as in Istio's own sidecars.
 */
export function parseExchange(value: unknown, path: string): ExchangeConfig {
  let protocol = '';
  for (const [field, own] of Object.entries(typeof value === 'object' && value !== null ? value : {})) {
    const isKnown = field === 'protocol' || field === 'enable_discovery';
    if (!isKnown) throw new ConfigError(`${path}.${field}`, 'is not supported by Tulle');
    if (field === 'protocol') protocol = String(own);
  }
  if (protocol === '') throw new ConfigError(`${path}.protocol`, 'is missing');
  return { protocol };
}
