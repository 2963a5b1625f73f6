import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { EchoSchema } from '../../xds/gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import type { NetworkFilter } from './filter.ts';

function echoTo(connection: Connection, info: StreamInfo): ConnectionHandlers {
  return {
    onData(bytes) {
      info.bytesReceived += bytes.length;
      info.bytesSent += bytes.length;
      if (!connection.writeBytes(bytes, true)) connection.pause();
    },
    onEnd: () => connection.end(),
    onDrain: () => connection.resume(),
    onClose() {},
  };
}

/** Gives clients back what they say. Envoy: envoy.filters.network.echo. */
export const echo: NetworkFilter<typeof EchoSchema, undefined> = {
  name: 'envoy.filters.network.echo',
  schema: EchoSchema,
  isTerminal: true,
  parse: () => undefined,
  create: () => (connection, _downstream, info) => {
    connection.read(echoTo(connection, info));
    return true;
  },
};
