/**
 * A cluster's network filters: `istio.metadata_exchange`, by which a TCP client's proxy and its server's tell each other
 * who they are, where ALPN has come to the protocol that says so. For the other side see network/metadata-exchange.ts.
 */
import { ConfigError } from '../../core/errors.ts';
import type { Filter } from '../../xds/gen/envoy/config/cluster/v3/filter_pb.ts';
import { decodeStruct } from '../config/typed-config.ts';
import type { LocalNode } from '../http/filter.ts';
import { EXCHANGE_TYPE_URL, type ExchangeConfig, exchangeStats, parseExchange } from '../network/exchange-settings.ts';
import { ExchangedConnection } from '../network/exchanged-connection.ts';
import { encodeFrame } from '../telemetry/exchange-frame.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { expectPeer } from '../telemetry/tcp-peers.ts';
import type { Transport } from './cluster.ts';
import { changing } from './connecting.ts';

/** What a cluster's filters make of the ways to its hosts. */
export type WrapTransport = (inner: Transport) => Transport;

function parseFilter({ name, typedConfig }: Filter, path: string): ExchangeConfig {
  if (typedConfig === undefined) throw new ConfigError(`${path}.typed_config`, `is missing in ${name}`);
  const at = `${path}.typed_config`;
  return parseExchange(decodeStruct(typedConfig, EXCHANGE_TYPE_URL, at), at);
}

function exchanging(inner: Transport, { protocol }: ExchangeConfig, own: Uint8Array, root: StatsScope): Transport {
  const stats = exchangeStats(root);
  return changing(inner, (connection, tls, { info }) => {
    if (tls?.alpn !== protocol) {
      stats.alpn_protocol_not_found.value++;
      return connection;
    }
    stats.alpn_protocol_found.value++;
    const onPeer = info === undefined ? () => {} : expectPeer(info, 'upstream');
    return new ExchangedConnection(connection, { own, stats, onPeer });
  });
}

/** Reads a cluster's `filters`. Without TLS there is no ALPN, and nothing to do. Throws ConfigError. */
export function readUpstreamFilters(
  filters: readonly Filter[],
  path: string,
  { node, stats }: { readonly node?: LocalNode | undefined; readonly stats: StatsScope },
): WrapTransport {
  const configs = filters.map((filter, i) => parseFilter(filter, `${path}.filters[${i}]`));
  if (configs.length > 1) throw new ConfigError(`${path}.filters[1]`, 'metadata is exchanged once');
  const [config] = configs;
  if (config === undefined) return (inner) => inner;
  const own = encodeFrame(node ?? { id: '', cluster: '', metadata: {} });
  return (inner) => (inner.isTls ? exchanging(inner, config, own, stats) : inner);
}
