import { ConfigError } from '../../core/errors.ts';
import {
  type FilterConfig,
  FilterConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.ts';
import type { DnsCacheConfig } from '../../xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import type { Connection } from '../../net/connection.ts';
import type { DnsCache } from '../cluster/dns/dns-cache.ts';
import { readDnsCache } from '../cluster/dns/dns-caches.ts';
import { setFilterState } from '../http/shared-state.ts';
import type { NetworkFilter } from './filter.ts';

/** Filter state by which clusters of dynamic hosts know the port. */
const PORT_STATE = 'envoy.upstream.dynamic_port';
const HTTPS_PORT = 443;

interface Settings {
  readonly cache: DnsCacheConfig;
  readonly path: string;
  readonly port: number;
}

function parse({ dnsCacheConfig: cache, portSpecifier: port }: FilterConfig, path: string): Settings {
  const at = `${path}.dns_cache_config`;
  if (cache === undefined) throw new ConfigError(at, 'is missing');
  readDnsCache(cache, at);
  const value = port.case === 'portValue' ? port.value : HTTPS_PORT;
  if (value === 0 || value > 65_535) throw new ConfigError(`${path}.port_value`, `${value} is not in [1, 65535]`);
  return { cache, path: at, port: value };
}

/** Asks for a connection's name; false: too many names, or too many that wait, and the connection is closed. */
function ask(cache: DnsCache, name: string, port: number, connection: Connection): boolean {
  const release = cache.admit();
  const loaded = release && cache.load(name, port, release);
  // while it waits, it counts among those that do
  if (typeof loaded !== 'function') release?.();
  if (loaded !== undefined && loaded !== 'overflow') return true;
  connection.destroy(loaded === 'overflow' ? 'dns_cache_overflow' : 'dns_cache_pending_overflow');
  return false;
}

/**
 * Has a TCP proxy to a cluster of dynamic hosts go to the server name of the ClientHello, at one port. Envoy:
 * envoy.filters.network.sni_dynamic_forward_proxy.
 */
export const sniDynamicForwardProxy: NetworkFilter<typeof FilterConfigSchema, Settings> = {
  name: 'envoy.filters.network.sni_dynamic_forward_proxy',
  schema: FilterConfigSchema,
  isTerminal: false,
  parse,
  create({ cache: config, path, port }, { clusters }) {
    const cache = clusters.dnsCaches?.use(config, path);
    if (cache === undefined) throw new ConfigError(path, 'there are no DNS caches here');
    return (connection, downstream, info) => {
      const name = downstream.requestedServerName;
      if (name === '') return true;
      const wanted = Number(downstream.filterState?.get(PORT_STATE) ?? port);
      setFilterState(downstream, PORT_STATE, String(wanted));
      setFilterState(info, PORT_STATE, String(wanted));
      return ask(cache, name, wanted, connection);
    };
  },
};
