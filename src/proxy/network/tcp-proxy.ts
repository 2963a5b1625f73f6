import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { createAccessLogs } from '../telemetry/access-log.ts';
import type { NetworkFilter } from './filter.ts';
import { readTcpProxy, type TcpProxyConfig } from './tcp-proxy-config.ts';
import { TcpSession } from './tcp-session.ts';
import { directConnector } from './tcp-upstream.ts';
import { tunnelConnector } from './tunnel-upstream.ts';

/** Carries bytes between a client and a host of a cluster. Envoy: envoy.filters.network.tcp_proxy. */
export const tcpProxy: NetworkFilter<typeof TcpProxySchema, TcpProxyConfig> = {
  name: 'envoy.filters.network.tcp_proxy',
  schema: TcpProxySchema,
  isTerminal: true,
  parse: readTcpProxy,
  create(config, { stats, clusters, clock, random, logSink }) {
    const own = stats.scope(`tcp.${config.statPrefix}`);
    const scope = {
      config,
      clusters,
      clock,
      random,
      connector: config.tunneling === undefined ? directConnector : tunnelConnector(config.tunneling, clock),
      accessLog: createAccessLogs(config.accessLog, `${config.path}.access_log`, logSink, random),
      stats: {
        total: own.counter('downstream_cx_total'),
        active: own.gauge('downstream_cx_active'),
        noRoute: own.counter('downstream_cx_no_route'),
        received: own.counter('downstream_cx_rx_bytes_total'),
        sent: own.counter('downstream_cx_tx_bytes_total'),
        idleTimeouts: own.counter('idle_timeout'),
        durationTimeouts: own.counter('max_downstream_connection_duration'),
      },
    };
    return (connection, downstream) => {
      new TcpSession(scope, connection, downstream).start();
      return true;
    };
  },
};
