import { encodeFrame } from '../telemetry/exchange-frame.ts';
import { expectPeer } from '../telemetry/tcp-peers.ts';
import { EXCHANGE_TYPE_URL, type ExchangeConfig, exchangeStats, parseExchange } from './exchange-settings.ts';
import { ExchangedConnection } from './exchanged-connection.ts';
import type { NetworkFilter } from './filter.ts';

/**
 * Tells a TCP client of the mesh who we are, and reads who it is, where ALPN has come to the protocol that says so. Istio:
 * `istio.metadata_exchange`; for the other side see cluster/upstream-exchange.ts.
 */
export const metadataExchange = {
  name: 'istio.metadata_exchange',
  schema: undefined,
  structTypeUrl: EXCHANGE_TYPE_URL,
  isTerminal: false,
  parse: parseExchange,
  create({ protocol }, { node, stats: root }) {
    const own = encodeFrame(node);
    const stats = exchangeStats(root);
    return (connection, downstream, info) => {
      if (downstream.tls?.alpn !== protocol) {
        stats.alpn_protocol_not_found.value++;
        return true;
      }
      stats.alpn_protocol_found.value++;
      return { layer: new ExchangedConnection(connection, { own, stats, onPeer: expectPeer(info, 'downstream') }) };
    };
  },
} satisfies NetworkFilter<never, ExchangeConfig>;
