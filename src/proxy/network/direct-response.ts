import { ConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { readDataBytes } from '../tls/data-source.ts';
import { timersOf } from '../timers.ts';
import type { NetworkFilter } from './filter.ts';
import { closeAfterFlush } from './flush-close.ts';

/** How long a client may take nothing of the answer. */
const IDLE_MS = 60_000;

/** Answers every connection with the same bytes, and closes it. Envoy: envoy.filters.network.direct_response. */
export const directResponse: NetworkFilter<typeof ConfigSchema, Buffer> = {
  name: 'envoy.filters.network.direct_response',
  schema: ConfigSchema,
  isTerminal: true,
  parse: ({ response }, path) => (response === undefined ? Buffer.alloc(0) : readDataBytes(response, `${path}.response`)),
  create(response, { clock }) {
    return (connection, _downstream, info) => {
      info.responseCodeDetails = 'direct_response';
      info.bytesSent = response.length;
      if (response.length > 0) connection.writeBytes(response, false);
      closeAfterFlush(connection, { timers: timersOf(clock), idleMs: IDLE_MS, endsOnData: false });
      return true;
    };
  },
};
