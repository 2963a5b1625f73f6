import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { createAccessLogs } from '../telemetry/access-log.ts';
import type { NetworkFilter, NetworkHandler } from './filter.ts';
import { readTcpProxy, type TcpProxyConfig } from './tcp-proxy-config.ts';
import { observeTcp } from './tcp-observer.ts';
import { TcpSession } from './tcp-session.ts';
import { tcpStats } from './tcp-stats.ts';
import { directConnector } from './tcp-upstream.ts';
import { tunnelConnector } from './tunnel-upstream.ts';

/** Carries bytes between a client and a host of a cluster. Envoy: envoy.filters.network.tcp_proxy. */
export const tcpProxy: NetworkFilter<typeof TcpProxySchema, TcpProxyConfig> = {
  name: 'envoy.filters.network.tcp_proxy',
  schema: TcpProxySchema,
  isTerminal: true,
  parse: readTcpProxy,
  create(config, network) {
    const { stats, clusters, clock, random, logSink } = network;
    const scope = {
      config,
      clusters,
      clock,
      random,
      isDraining: () => network.isDraining(),
      connector: config.tunneling === undefined ? directConnector : tunnelConnector(config.tunneling, clock),
      accessLog: createAccessLogs(config.accessLog, `${config.path}.access_log`, logSink, random, network),
      stats: tcpStats(stats.scope(`tcp.${config.statPrefix}`), config.onDemandMs !== undefined),
    };
    // bytes that come for the application are work of which nobody knows what calls are a part of it
    const inbound = network.direction === 'inbound' ? network.work : undefined;
    const handler: NetworkHandler = (connection, downstream, info) => {
      if (inbound !== undefined) {
        const work = inbound.enter(undefined);
        observeTcp(downstream, { onClose: () => inbound.leave(work) });
      }
      new TcpSession(scope, connection, downstream, info).start();
      return true;
    };
    handler.refused = (connection, downstream, info) => new TcpSession(scope, connection, downstream, info).refused();
    return handler;
  },
};
