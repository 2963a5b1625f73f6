/**
 * Sets filter state of a connection from formats, which a TCP proxy and every request of the connection begin with.
 * Envoy: envoy.filters.network.set_filter_state. Filters of ours begin after a handshake, so that what is set at a new
 * connection and after the handshake is set one after the other.
 */
import { type Config, ConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { type ApplyState, compileStateValues } from '../http/filter-state-values.ts';
import type { NetworkFilter } from './filter.ts';

interface StateConfig {
  readonly onNewConnection: ApplyState;
  /** Only for connections by TLS. */
  readonly onHandshake: ApplyState;
}

/** Sets values in the connection's own filter state. */
export const setFilterState: NetworkFilter<typeof ConfigSchema, StateConfig> = {
  name: 'envoy.filters.network.set_filter_state',
  schema: ConfigSchema,
  isTerminal: false,
  parse: (message: Config, path) => ({
    onNewConnection: compileStateValues(message.onNewConnection, `${path}.on_new_connection`),
    onHandshake: compileStateValues(message.onDownstreamTlsHandshake, `${path}.on_downstream_tls_handshake`),
  }),
  create({ onNewConnection, onHandshake }) {
    return (_connection, downstream, info) => {
      onNewConnection(info, downstream);
      if (downstream.tls !== undefined) onHandshake(info, downstream);
      return true;
    };
  },
};
